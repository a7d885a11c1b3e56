"""The schemas that a reader knows: those shipped, and those that it learnt from a schema store."""

from __future__ import annotations

from ledger_schemas.errors import KindUnknown, LedgerError, SchemaUnknown
from ledger_schemas.framing import SchemaReference
from ledger_schemas.shipped import WriterSchema, fingerprint_of_text, shipped_schemas, writer_schema


class KnownSchemas:
    """Finds writer schemas by what a frame says; asks nobody. Learning is for the store that reads them.

    One thread may find while another learns: what is known never changes.
    """

    def __init__(self) -> None:
        """Begin with every schema that this distribution ships."""
        self._found: dict[SchemaReference, WriterSchema | None] = {
            SchemaReference.to_fingerprint(fingerprint): schema for fingerprint, schema in shipped_schemas().items()
        }

    def __contains__(self, reference: SchemaReference) -> bool:
        """Whether the schema is known, be it one of a kind that this version does not know."""
        return reference in self._found

    def find(self, reference: SchemaReference) -> WriterSchema:
        """Return the schema.

        Raises SchemaUnknown when nobody has told of it yet, KindUnknown when it is known, but its record is none of
        our kinds.
        """
        if reference not in self._found:
            raise SchemaUnknown(f"No known schema has the {reference}.", hint="Publish the writer's schema first.")
        schema = self._found[reference]
        if schema is None:
            raise KindUnknown(
                f"The schema with the {reference} describes none of the kinds that this version of the ledger knows.",
                hint="Upgrade the reader; the records are kept until then.",
            )
        return schema

    def learn(self, reference: SchemaReference, text: str) -> bool:
        """Take a schema; return whether it was new and is one. What is known already stays as it is.

        A fingerprint must be that of the text, so that a forged one is never taken; a registry's id is taken at its
        word. Raises nothing: a text that is no schema teaches nothing.
        """
        if reference in self._found:
            return False
        try:
            own = SchemaReference.to_fingerprint(fingerprint_of_text(text))
            if reference.format is own.format and reference != own:
                return False
            self._found[reference] = writer_schema(text)
        except KindUnknown:
            self._found[reference] = None
        except LedgerError:
            return False
        return True
