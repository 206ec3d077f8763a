/* A batch: transfers that are ready that one consumer takes, however many there are. In
   core.waiting it stands in the place of the task that waits for each of them. */
#pragma once

#include "easy.h"

typedef struct Batch {
  const char *type; /* batch_type: see compat_checkmarked */
  ReadyList ready;
  const void *self; /* see Owner in owner.h */
} Batch;

Batch *batch_check(lua_State *L, int idx);

/* Whether the value is one: anything may stand in core.waiting. */
bool batch_is(lua_State *L, int idx);

/* Adds a ready transfer to the batch at this index of the stack. Who waits for
   the batch is pushed, and does so no longer; or nil. */
void batch_put(lua_State *L, int idx, Easy *easy);

/* Pushes the table that the batch was made with. */
void batch_push_slot(lua_State *L, int idx);

void batch_open(lua_State *L);
