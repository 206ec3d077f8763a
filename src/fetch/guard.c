/* Guards: a response that is collected unread tells so. Tables have no finalizers in
   Lua 5.1, so this is a userdata that the response holds. */
#include "multi.h"
#include "receiver.h"

static const char guard_type[] = "multisock.guard";

/* Of the values of an easy: those of no option. */
#define SELF 0
#define SPARE (-1) /* a guard that guards nothing, to be used again */

typedef struct Guard {
  const char *type; /* guard_type: see compat_checkmarked */
  Easy *easy;
  unsigned serial; /* of the transfer: handles are used again */
} Guard;

/* A table that keeps the easy at index `at` alive: its values, which then have itself. */
static void push_anchor(lua_State *L, int at)
{
  compat_getuservalue(L, at);
  if (!lua_istable(L, -1)) {
    lua_pop(L, 1);
    lua_newtable(L);
  }
  lua_pushvalue(L, at);
  lua_rawseti(L, -2, SELF);
}

/* Pushes the guard that is to spare of the anchor on top, in its place; false, and
   nothing has changed, when there is none. */
static bool take_spare(lua_State *L)
{
  lua_rawgeti(L, -1, SPARE);
  if (!lua_isuserdata(L, -1)) {
    lua_pop(L, 1);
    return false;
  }
  lua_pushnil(L);
  lua_rawseti(L, -3, SPARE);
  lua_remove(L, -2);
  return true;
}

static void make_guard(lua_State *L, Easy *easy)
{
  Guard *guard = compat_newuserdata(L, sizeof *guard);
  guard->type = guard_type;
  guard->easy = easy;
  luaL_setmetatable(L, guard_type);
  lua_insert(L, -2);
  compat_setuservalue(L, -2);
}

void guard_push(lua_State *L, int at)
{
  Easy *easy = *(Easy **)lua_touserdata(L, at);
  Guard *guard;
  push_anchor(L, at);
  if (!take_spare(L))
    make_guard(L, easy);
  guard = lua_touserdata(L, -1);
  guard->serial = easy->receiver->serial;
}

void guard_spare(lua_State *L, int at, int easy_at)
{
  const Guard *guard = compat_testmarked(L, at, guard_type);
  if (guard == NULL || guard->easy != *(Easy **)lua_touserdata(L, easy_at))
    return;
  push_anchor(L, easy_at);
  lua_pushvalue(L, at);
  lua_rawseti(L, -2, SPARE);
  lua_pop(L, 1);
}

/*** Makes a guard of the transfer that a handle runs now.
@param easy core.Easy
@return userdata */
static int guard_new(lua_State *L)
{
  Easy *easy;
  (void)receiver_check(L, &easy);
  guard_push(L, 1);
  return 1;
}

/* Calls no Lua, and leaves libcurl alone: the handle may be in use. The loop
   that drives it ends the transfer when it hands over what is ready. */
static int guard_gc(lua_State *L)
{
  const Guard *guard = luaL_testudata(L, 1, guard_type);
  Easy *easy;
  Easy **box;
  if (guard == NULL)
    return 0;
  compat_getuservalue(L, 1);
  if (!lua_istable(L, -1))
    return 0; /* a copy, of another Lua state */
  lua_rawgeti(L, -1, SELF);
  box = luaL_testudata(L, -1, easy_type);
  easy = box != NULL ? *box : NULL;
  if (easy != NULL && easy->multi != NULL && easy->receiver != NULL &&
      easy->receiver->serial == guard->serial) {
    easy->receiver->abandoned = true;
    easy_join_ready(easy, easy->multi->ready);
  }
  return 0;
}

/* Adds its function to the table on top: core. */
void guard_open(lua_State *L)
{
  if (luaL_newmetatable(L, guard_type)) {
    lua_pushcfunction(L, guard_gc);
    lua_setfield(L, -2, "__gc");
  }
  lua_pop(L, 1);
  lua_pushcfunction(L, guard_new);
  lua_setfield(L, -2, "guard");
}
