/* The handles that wait at an origin for the next transfer: see limiter.h. */
#include "limiter.h"

#include <stdlib.h>
#include <string.h>

/* Handles that may wait at one origin: each holds a few KiB. */
#define MOST_IDLE 256

void limiter_set_values(lua_State *L, int client, int process, int requests)
{
  lua_createtable(L, 3, 4);
  lua_pushvalue(L, client);
  lua_rawseti(L, -2, 1);
  lua_pushvalue(L, process);
  lua_rawseti(L, -2, 2);
  lua_pushvalue(L, requests);
  lua_rawseti(L, -2, 3);
  compat_setuservalue(L, -2);
}

bool limiter_keep(Limiter *limiter, Easy **handle, int profile)
{
  if (limiter->idle_count == limiter->idle_room) {
    int room = limiter->idle_room ? limiter->idle_room * 2 : 4;
    Easy ***idle;
    if (limiter->idle_count >= MOST_IDLE)
      return false;
    idle = realloc(limiter->idle, (size_t)room * sizeof *idle);
    if (idle == NULL)
      return false;
    limiter->idle = idle;
    limiter->idle_room = room;
  }
  (*handle)->profile = profile;
  limiter->idle[limiter->idle_count++] = handle;
  return true;
}

/* Where among the limiter's values an easy stands that it keeps alive: behind the two
   counters, by its number. */
static int place_of(const Easy *easy)
{
  return easy->id + 3;
}

/* Lets go of the handle that waits in this memory. */
static void forget(Limiter *limiter, const void *handle)
{
  int i, left = 0;
  for (i = 0; i < limiter->idle_count; i++)
    if (limiter->idle[i] != handle)
      limiter->idle[left++] = limiter->idle[i];
  limiter->idle_count = left;
}

/* A closed one that is there still may have had the same number. */
static void anchor(lua_State *L, Limiter *limiter, int easy)
{
  Easy **box = lua_touserdata(L, easy);
  compat_getuservalue(L, 1);
  lua_rawgeti(L, -1, place_of(*box));
  if (lua_touserdata(L, -1) != box)
    forget(limiter, lua_touserdata(L, -1));
  lua_pop(L, 1);
  lua_pushvalue(L, easy);
  lua_rawseti(L, -2, place_of(*box));
  lua_pop(L, 1);
}

void limiter_push(lua_State *L, int limiter, const Easy *easy)
{
  compat_getuservalue(L, limiter);
  lua_rawgeti(L, -1, place_of(easy));
  lua_replace(L, -2);
}

bool limiter_has(lua_State *L, int limiter, int easy)
{
  Easy **box = lua_touserdata(L, easy);
  bool has;
  limiter_push(L, limiter, *box);
  has = lua_touserdata(L, -1) == box;
  lua_pop(L, 1);
  return has;
}

/*** Keeps a handle for the next transfer to the origin.
@param easy core.Easy
@param multi core.Multi that has its connection
@param profile number of what it is set up for; 0: it has to be set up again
@return boolean; false when there are enough */
static int limiter_keep_handle(lua_State *L)
{
  Limiter *limiter = limiter_check(L, 1);
  luaL_argcheck(L, easy_check(L, 2)->id != 0, 2, "is not collected");
  (void)multi_check(L, 3);
  easy_set_home(L, 2, 3);
  anchor(L, limiter, 2);
  lua_pushboolean(L, limiter_keep(limiter, lua_touserdata(L, 2),
                                  (int)luaL_checkinteger(L, 4)));
  return 1;
}

/* Handles of other profiles that are passed by. */
#define MOST_LOOKS 8

int limiter_find(const Limiter *limiter, int profile)
{
  int at, last = limiter->idle_count - MOST_LOOKS;
  for (at = limiter->idle_count - 1; at >= 0 && at >= last; at--)
    if (*limiter->idle[at] != NULL && (*limiter->idle[at])->profile == profile)
      return at;
  return -1;
}

Easy **limiter_take_idle(Limiter *limiter, int at)
{
  Easy **handle = limiter->idle[at];
  limiter->idle_count--;
  for (; at < limiter->idle_count; at++)
    limiter->idle[at] = limiter->idle[at + 1];
  return handle;
}

static void drop_closed(Limiter *limiter)
{
  while (limiter->idle_count > 0) {
    Easy **last = limiter->idle[limiter->idle_count - 1];
    if (*last != NULL && *(*last)->home != NULL)
      return;
    limiter->idle_count--;
  }
}

/*** Takes a handle, of those that came last: their connections are the warmest.
@param profile number; nil: whatever it is set up for
@return easy, multi, and the number that it was kept with, 0: it has to be set up;
or nil, and the multi in which a new one would find a connection, nil: none */
static int limiter_pop(lua_State *L)
{
  Limiter *limiter = limiter_check(L, 1);
  int profile = (int)luaL_optinteger(L, 2, -1);
  int at, count = limiter->idle_count;
  const Easy *easy;
  drop_closed(limiter);
  count = limiter->idle_count;
  at = profile < 0 ? count - 1 : limiter_find(limiter, profile);
  if (at < 0 && profile >= 0)
    at = limiter_find(limiter, 0);
  if (at >= 0 && *(*limiter->idle[at])->home == NULL) {
    (void)limiter_take_idle(limiter, at);
    at = -1;
  }
  if (at < 0) {
    lua_pushnil(L);
    if (count == 0)
      return 1;
    easy = *limiter->idle[limiter->idle_count - 1];
    multi_push(L, *easy->home);
    return 2;
  }
  easy = *limiter_take_idle(limiter, at);
  easy_push(L, easy);
  multi_push(L, *easy->home);
  lua_pushinteger(L, easy->profile);
  return 3;
}

/*** Lets go of a handle that will be closed, or goes elsewhere.
@param easy core.Easy */
static int limiter_drop(lua_State *L)
{
  Limiter *limiter = limiter_check(L, 1);
  Easy **box = compat_checkudata(L, 2, easy_type);
  forget(limiter, box);
  if (*box != NULL && limiter_has(L, 1, 2)) {
    compat_getuservalue(L, 1);
    lua_pushnil(L);
    lua_rawseti(L, -2, place_of(*box));
  }
  return 0;
}

/*** Lets go of all handles: those in use are not kept when they come back. */
static int limiter_disown(lua_State *L)
{
  Limiter *limiter = limiter_check(L, 1);
  limiter->idle_count = 0;
  lua_settop(L, 1);
  compat_getuservalue(L, 1);
  lua_rawgeti(L, 2, 1);
  lua_rawgeti(L, 2, 2);
  lua_rawgeti(L, 2, 3);
  lua_pushvalue(L, 1);
  limiter_set_values(L, 3, 4, 5);
  return 0;
}

const luaL_Reg limiter_idle_methods[] = {
  { "keep", limiter_keep_handle },
  { "pop", limiter_pop },
  { "drop", limiter_drop },
  { "disown", limiter_disown },
  { NULL, NULL },
};
