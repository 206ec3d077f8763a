/* Snapshots: what a response keeps of a transfer when its handle goes back to the
   pool. */
#pragma once

#include "easy.h"

/* Bytes of transfers that have ended, heads and bodies. */
typedef struct Traffic {
  curl_off_t sent, received;
} Traffic;

/* Pushes that of a collected handle: its headers, see headers.h. Adds what it has moved
   to `traffic`, unless that is NULL. */
void snapshot_push(lua_State *L, const Easy *easy, Traffic *traffic);

/* The latter alone. */
void snapshot_count(const Easy *easy, Traffic *traffic);

/* In the order of their names in core.snapshot. */
typedef enum SnapshotField {
  SNAPSHOT_TIMINGS,
  SNAPSHOT_SIZES,
  SNAPSHOT_VERSION,
  SNAPSHOT_PEER,
  SNAPSHOT_REASON,
  SNAPSHOT_HEADERS,
  SNAPSHOT_TRAILERS,
  SNAPSHOT_ATTEMPTS,
  SNAPSHOT_COOKIES
} SnapshotField;

/* Pushes a field of the snapshot at `idx`, an absolute index; nil where there is
   none. */
void snapshot_push_field(lua_State *L, int idx, SnapshotField field);

/* core.snapshot */
int snapshot_read(lua_State *L);
