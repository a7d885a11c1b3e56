"""The file: its one writer, what it reads and writes for the fold, its position."""
