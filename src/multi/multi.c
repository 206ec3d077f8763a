/* The life of a multi handle: how Lua and C find it, how it begins and ends,
   and what easies know of it. */
#include "multi.h"

#include <stdlib.h>

#include "above.h"
#include "callbacks.h"
#include "error.h"
#include "fields.h"
#include "multi_lua.h"
#include "owner.h"

const char multi_type[] = "multisock.multi";

/* Weak table from the address of a Multi to its userdata. */
static const char registry_key;

Multi *multi_check(lua_State *L, int idx)
{
  Multi **box = box_check(L, idx, multi_type);
  if (*box == NULL)
    luaL_argerror(L, idx, "multi handle is closed");
  return *box;
}

Multi *multi_check_idle(lua_State *L, int idx, const char *what)
{
  Multi *multi = multi_check(L, idx);
  if (multi->depth > 0)
    luaL_error(L,
               "%s: called in a callback of this multi; do it after the "
               "driving call has returned",
               what);
  return multi;
}

void multi_check_thread(lua_State *L, const Multi *multi, const char *what)
{
  if (multi->loop != NULL)
    multi->side->check_thread(L, multi->loop, what);
}

void multi_push(lua_State *L, const Multi *multi)
{
  lua_rawgetp(L, LUA_REGISTRYINDEX, &registry_key);
  lua_rawgetp(L, -1, multi);
  lua_remove(L, -2);
}

void multi_push_values(lua_State *L, const Multi *multi)
{
  multi_push(L, multi);
  if (lua_isnil(L, -1))
    return;
  compat_getuservalue(L, -1);
  lua_remove(L, -2);
}

/* ---- Entering libcurl ---- */

void multi_enter(Multi *multi)
{
  multi->depth++;
}

/* Handles that were closed in a callback are taken out when the last call
   has returned: libcurl would free them while it still uses them. */
void multi_leave(Multi *multi)
{
  Easy *easy, *next;
  if (--multi->depth > 0 || !multi->has_orphans)
    return;
  multi->has_orphans = false;
  for (easy = multi->first; easy != NULL; easy = next) {
    next = easy->next;
    if (easy->orphan) {
      multi_detach(easy);
      easy_destroy(easy);
    }
  }
}

void multi_shutdown(Multi *multi)
{
  *multi->box = NULL;
  while (multi->first != NULL) {
    Easy *easy = multi->first;
    bool running = !easy->finished;
    multi_detach(easy);
    if (running) {
      easy->finished = true;
      easy->result = CURLE_ABORTED_BY_CALLBACK;
    }
    if (easy->orphan)
      easy_destroy(easy);
  }
  multi->depth++;
  (void)curl_multi_cleanup(multi->handle); /* its only error: a bad handle */
  multi->depth--;
  uvdriver_remove_multi(&multi->driven);
  if (multi->loop != NULL)
    multi->side->forget(multi->loop, multi);
  ports_free(&multi->ports);
  free(multi);
}

/* ---- Life ---- */

static int multi_gc(lua_State *L)
{
  Multi **box = box_collect(L, multi_type);
  /* In the driving call it is pinned: not freed. */
  if (box != NULL && (*box)->depth == 0)
    multi_shutdown(*box);
  return 0;
}

/*** Takes out all transfers, closes all connections, frees the handle. May be
called again.
@raise in a callback of this multi; what its socket callback raised meanwhile
@see curl_multi_cleanup(3) */
static int multi_close(lua_State *L)
{
  Multi **box = box_collect(L, multi_type);
  if (box == NULL)
    return 0;
  if ((*box)->depth > 0)
    return luaL_error(L, "close: called in a callback of this multi");
  (void)multi_gc(L);
  compat_getuservalue(L, 1);
  lua_getfield(L, -1, "error");
  return lua_isnil(L, -1) ? 0 : lua_error(L);
}

static int multi_tostring(lua_State *L)
{
  Multi **box = box_describe(L, multi_type);
  if (box != NULL)
    lua_pushfstring(L, "multisock.multi (%d transfers) %p", (*box)->added,
                    (void *)*box);
  return 1;
}

/*** Makes a multi handle: a connection pool with transfers.
@param options? table as for multi:setopt
@return core.Multi; or nil, err
@see curl_multi_init(3) */
int multi_new(lua_State *L)
{
  Multi **box;
  Multi *multi;
  if (!lua_isnoneornil(L, 1))
    luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  box = box_new(L);
  luaL_setmetatable(L, multi_type);
  lua_newtable(L);
  compat_setuservalue(L, 2);
  multi = calloc(1, sizeof *multi);
  if (multi == NULL || (multi->handle = curl_multi_init()) == NULL) {
    free(multi);
    return luaL_error(L, "not enough memory");
  }
  multi->ready = &multi->own_ready;
  multi->callbacks = callbacks_thread(L);
  (void)curl_multi_setopt(multi->handle, CURLMOPT_MAXCONNECTS,
                          MULTI_MAX_CONNECTS);
  *box = multi;
  multi->box = box;
  lua_rawgetp(L, LUA_REGISTRYINDEX, &registry_key);
  lua_pushvalue(L, 2);
  lua_rawsetp(L, -2, multi);
  lua_pop(L, 1);
  if (lua_istable(L, 1)) {
    lua_getfield(L, 2, "setopt");
    lua_pushvalue(L, 2);
    lua_pushvalue(L, 1);
    lua_call(L, 2, 2);
    if (lua_isnil(L, -2))
      return 2;
  }
  lua_settop(L, 2);
  return 1;
}

static const luaL_Reg life_methods[] = {
  { "close", multi_close },
  { NULL, NULL },
};

static const luaL_Reg metamethods[] = {
  { "__gc", multi_gc },
  { "__close", multi_gc },
  { "__tostring", multi_tostring },
  { NULL, NULL },
};

/* ---- What easies know of it ---- */

static bool is_busy(const Multi *multi)
{
  return multi->depth > 0;
}

static void add_orphan(Multi *multi)
{
  multi->has_orphans = true;
}

static Ports *ports_of(Multi *multi)
{
  return &multi->ports;
}

static Multi *find(lua_State *L, int idx)
{
  return luaL_testudata(L, idx, multi_type) ? multi_check(L, idx) : NULL;
}

/* Values of the multi, the error: runs under pcall, as it may allocate. */
static int keep_in_values(lua_State *L)
{
  lua_setfield(L, 1, "error");
  return 0;
}

static void keep_error(lua_State *L, Multi *multi)
{
  if (!multi->failed_in_lua) {
    multi->failed_in_lua = true;
    lua_pushcfunction(L, keep_in_values);
    multi_push_values(L, multi);
    lua_pushvalue(L, -3);
    if (lua_pcall(L, 2, 0, 0) != LUA_OK)
      lua_pop(L, 1);
  }
  lua_pop(L, 1);
}

/* ---- Its type ---- */

static const MultiSide side = {
  is_busy,    multi_enter, multi_leave, multi_detach,
  add_orphan, ports_of,    find,        keep_error,
};

void multi_open(lua_State *L)
{
  above_set_multi(&side);
  if (!compat_newtype(L, multi_type))
    return;
  push_weak_table(L, "v");
  lua_rawsetp(L, LUA_REGISTRYINDEX, &registry_key);
  luaL_setfuncs(L, metamethods, 0);
  lua_newtable(L);
  luaL_setfuncs(L, life_methods, 0);
  luaL_setfuncs(L, multi_member_methods, 0);
  luaL_setfuncs(L, multi_lua_methods, 0);
  luaL_setfuncs(L, multi_option_methods, 0);
  luaL_setfuncs(L, multi_poll_methods, 0);
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
}
