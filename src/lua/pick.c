/* See pick.h. */
#include "pick.h"

/* Where its arguments stand. */
#define TABLE 1
#define PLACES 2
#define OTHERS 3 /* the first result */

/* The place of the field whose name is at `idx`; 0: it has none. */
static int place_of(lua_State *L, int idx)
{
  int place;
  lua_pushvalue(L, idx);
  lua_rawget(L, PLACES);
  place = (int)lua_tointeger(L, -1);
  lua_pop(L, 1);
  return place;
}

static void pick_all(lua_State *L, int count)
{
  lua_pushnil(L);
  while (lua_next(L, TABLE)) {
    int place = place_of(L, -2);
    if (place > 0 && place <= count)
      lua_replace(L, OTHERS + place);
    else {
      lua_pop(L, 1);
      lua_pushboolean(L, 1);
      lua_replace(L, OTHERS);
    }
  }
}

/*** Takes fields of a table, all in one call; a metatable has no say.
@param table whose fields are asked for; nothing is returned of another value
@param places table of integers by name: as what result each is returned
@param count integer of places
@return boolean: whether there may be others; and the fields, those of place 1 first
@local */
int pick_fields(lua_State *L)
{
  int count;
  if (!lua_istable(L, TABLE))
    return 0;
  luaL_checktype(L, PLACES, LUA_TTABLE);
  count = (int)luaL_checkinteger(L, 3);
  luaL_argcheck(L, count >= 0 && count <= 64, 3, "out of range");
  luaL_checkstack(L, count + 4, NULL);
  lua_settop(L, PLACES);
  lua_pushboolean(L, 0);
  lua_settop(L, OTHERS + count);
  pick_all(L, count);
  return 1 + count;
}
