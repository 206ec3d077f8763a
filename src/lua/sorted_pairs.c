/* See sorted_pairs.h. */
#include "sorted_pairs.h"

#include <string.h>

/* Puts one among others that are in order, of which there are few. */
static void insert(Pair *list, int count, const Pair *pair)
{
  int at = count;
  for (; at > 0 && strcmp(list[at - 1].name, pair->name) > 0; at--)
    list[at] = list[at - 1];
  list[at] = *pair;
}

int sorted_pairs(lua_State *L, int table, Pair *list, int most,
                 bool (*is_usual)(lua_State *L))
{
  int count = 0;
  luaL_checkstack(L, 2 * most + 4, NULL);
  lua_pushnil(L);
  while (lua_next(L, table) != 0) {
    Pair pair;
    if (count == most || !is_usual(L))
      return -1;
    pair.name = lua_tostring(L, -2);
    pair.at = lua_gettop(L) - 1;
    insert(list, count++, &pair);
    lua_pushvalue(L, -2); /* for the next one: both stay */
  }
  return count;
}
