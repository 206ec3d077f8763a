/* The ready lists: transfers with something to tell. Lists of easies, doubly linked, so
   that leaving one is O(1). */
#include <limits.h>

#include "batch.h"
#include "easy.h"

void easy_join_ready(Easy *easy, ReadyList *ready)
{
  if (easy->ready != NULL)
    return;
  easy->ready = ready;
  easy->ready_next = NULL;
  easy->ready_previous = ready->last;
  if (ready->last != NULL)
    ready->last->ready_next = easy;
  else
    ready->first = easy;
  ready->last = easy;
}

void easy_leave_ready(Easy *easy)
{
  ReadyList *ready = easy->ready;
  if (ready == NULL)
    return;
  if (easy->ready_previous != NULL)
    easy->ready_previous->ready_next = easy->ready_next;
  else
    ready->first = easy->ready_next;
  if (easy->ready_next != NULL)
    easy->ready_next->ready_previous = easy->ready_previous;
  else
    ready->last = easy->ready_previous;
  easy->ready = NULL;
}

/* Who waits for an easy is found by its number, without its userdata: this is
   done for every request. */
lua_Integer ready_move(lua_State *L, ReadyList *ready, int tasks,
                       lua_Integer last, int strays, lua_Integer *count)
{
  int waiting = lua_gettop(L) + 1, who = waiting + 1;
  *count = 0;
  easy_push_waiting(L);
  while (ready->first != NULL) {
    Easy *easy = ready->first;
    easy_leave_ready(easy);
    lua_rawgeti(L, waiting, easy->id);
    if (lua_istable(L, who)) {
      lua_rawseti(L, tasks, ++last);
      continue;
    }
    if (batch_is(L, who)) {
      batch_put(L, who, easy);
      if (!lua_isnil(L, -1))
        lua_rawseti(L, tasks, ++last);
      lua_settop(L, waiting);
      continue;
    }
    easy_push(L, easy);
    if (!lua_isnil(L, -1)) /* else collected: nobody asks */
      lua_rawseti(L, strays, ++*count);
    lua_settop(L, waiting);
  }
  lua_settop(L, waiting - 1);
  return last;
}

int ready_take(lua_State *L, ReadyList *ready)
{
  lua_Integer last = luaL_checkinteger(L, 3);
  lua_Integer strays;
  luaL_argcheck(L, last >= 0 && last <= INT_MAX, 3, "out of range");
  luaL_checktype(L, 2, LUA_TTABLE);
  luaL_checktype(L, 4, LUA_TTABLE);
  last = ready_move(L, ready, 2, last, 4, &strays);
  lua_pushinteger(L, last);
  lua_pushinteger(L, strays);
  return 2;
}
