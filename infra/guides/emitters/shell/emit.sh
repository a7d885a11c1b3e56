#!/usr/bin/env bash
# Emit one prepared event with xxd and kcat: emit.sh BOOTSTRAP_SERVERS TOPIC
set -euo pipefail

notification_id=019b76da-9478-7000-8000-000000000001
event=c30127cc450c70d5f49c
event+=4830313962373664612d613830302d373030302d383030302d303030303030303030303032 # event_id
event+=0861636d65                                                                 # tenant_id: acme
event+=4830313962373664612d393437382d373030302d383030302d303030303030303030303031 # notification_id
event+=808082e288d2a306                                                           # occurred_at
event+=0206616e6e020a656d61696c                                                   # recipient_id: ann, channel: email
event+=00000873686f7000000000000000                                               # source: shop; the rest is null

record=$(mktemp)
trap 'rm -f "$record"' EXIT
xxd -r -p <<<"$event" >"$record"

# From a file, kcat takes all bytes as one record. From standard input it would cut at each 0a, and here is one: the
# length of "email".
kcat -P -b "$1" -t "$2" -k "$notification_id" \
  -X topic.partitioner=murmur2_random -X enable.idempotence=true "$record"
