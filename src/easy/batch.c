/* See batch.h. */
#include "batch.h"

#include <string.h>

static const char batch_type[] = "multisock.batch";

Batch *batch_check(lua_State *L, int idx)
{
  Batch *batch = compat_checkmarked(L, idx, batch_type);
  if (batch->self != batch)
    luaL_argerror(L, idx, "the batch is of another Lua state");
  return batch;
}

void batch_push_slot(lua_State *L, int idx)
{
  compat_getuservalue(L, idx);
}

bool batch_is(lua_State *L, int idx)
{
  const Batch *batch = compat_testmarked(L, idx, batch_type);
  return batch != NULL && batch->self == batch;
}

void batch_put(lua_State *L, int idx, Easy *easy)
{
  Batch *batch = lua_touserdata(L, idx);
  easy_join_ready(easy, &batch->ready);
  batch_push_slot(L, idx);
  lua_getfield(L, -1, "who");
  if (!lua_isnil(L, -1)) {
    lua_pushnil(L);
    lua_setfield(L, -3, "who");
  }
  lua_remove(L, -2);
}

/*** Makes one.
@param slot table: its field `who` is the task to be woken when there is ready, and
is taken out then; by their numbers it keeps the handles alive that run
@return core.Batch
@local */
static int batch_new(lua_State *L)
{
  Batch *batch;
  luaL_checktype(L, 1, LUA_TTABLE);
  batch = compat_newuserdata(L, sizeof *batch);
  memset(batch, 0, sizeof *batch);
  batch->type = batch_type;
  batch->self = batch;
  luaL_setmetatable(L, batch_type);
  lua_pushvalue(L, 1);
  compat_setuservalue(L, -2);
  return 1;
}

/* Easies point into it. */
static int batch_gc(lua_State *L)
{
  Batch *batch = compat_checkudata(L, 1, batch_type);
  if (batch->self == batch)
    while (batch->ready.first != NULL)
      easy_leave_ready(batch->ready.first);
  return 0;
}

static const luaL_Reg none[] = { { NULL, NULL } };

static const luaL_Reg metamethods[] = {
  { "__gc", batch_gc },
  { NULL, NULL },
};

/* Adds its function to the table on top: core. */
void batch_open(lua_State *L)
{
  compat_opentype(L, batch_type, metamethods, none);
  lua_pushcfunction(L, batch_new);
  lua_setfield(L, -2, "batch");
}
