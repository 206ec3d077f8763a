/* News: transfers with something to tell. Lists of easies, doubly linked, so
   that leaving one is O(1). */
#include <limits.h>

#include "batch.h"
#include "easy.h"

void easy_join_news(Easy *easy, News *news)
{
  if (easy->news != NULL)
    return;
  easy->news = news;
  easy->news_next = NULL;
  easy->news_previous = news->last;
  if (news->last != NULL)
    news->last->news_next = easy;
  else
    news->first = easy;
  news->last = easy;
}

void easy_leave_news(Easy *easy)
{
  News *news = easy->news;
  if (news == NULL)
    return;
  if (easy->news_previous != NULL)
    easy->news_previous->news_next = easy->news_next;
  else
    news->first = easy->news_next;
  if (easy->news_next != NULL)
    easy->news_next->news_previous = easy->news_previous;
  else
    news->last = easy->news_previous;
  easy->news = NULL;
}

/* Who waits for an easy is found by its number, without its userdata: this is
   done for every request. */
int news_take(lua_State *L, News *news)
{
  lua_Integer last = luaL_checkinteger(L, 3);
  lua_Integer strays = 0;
  luaL_argcheck(L, last >= 0 && last <= INT_MAX, 3, "out of range");
  luaL_checktype(L, 2, LUA_TTABLE);
  luaL_checktype(L, 4, LUA_TTABLE);
  lua_settop(L, 4);
  easy_push_waiting(L);
  while (news->first != NULL) {
    Easy *easy = news->first;
    easy_leave_news(easy);
    lua_rawgeti(L, 5, easy->id);
    if (lua_istable(L, 6)) {
      lua_rawseti(L, 2, ++last);
      continue;
    }
    if (lua_isuserdata(L, 6)) {    /* a batch */
      batch_put(L, 6, easy);
      if (!lua_isnil(L, -1))
        lua_rawseti(L, 2, ++last);
      lua_settop(L, 5);
      continue;
    }
    easy_push(L, easy);
    if (!lua_isnil(L, -1))         /* else collected: nobody asks */
      lua_rawseti(L, 4, ++strays);
    lua_settop(L, 5);
  }
  lua_pushinteger(L, last);
  lua_pushinteger(L, strays);
  return 2;
}
