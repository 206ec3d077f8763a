/* Who waits for a transfer to be ready: core.waiting, a table from the number of
   a collected handle to the task that waits for it, or false. */
#include "easy.h"

static const char waiting_key; /* its address is the registry key */

void easy_push_waiting(lua_State *L)
{
  lua_rawgetp(L, LUA_REGISTRYINDEX, &waiting_key);
  if (!lua_isnil(L, -1))
    return;
  lua_pop(L, 1);
  lua_newtable(L);
  lua_pushvalue(L, -1);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &waiting_key);
}

void easy_join_waiting(lua_State *L, Easy *easy)
{
  if (easy->id != 0)
    return;
  easy_push_waiting(L);
  lua_pushboolean(L, 0);
  easy->id = luaL_ref(L, -2);
  lua_pop(L, 1);
}

void easy_leave_waiting(lua_State *L, Easy *easy)
{
  if (easy->id == 0)
    return;
  easy_push_waiting(L);
  luaL_unref(L, -1, easy->id);
  lua_pop(L, 1);
  easy->id = 0;
}
