/* What core.loop is for the news of the multis attached to it, for those that
   Lua drives (lua/multisock/driver.lua): one list of all, handed over in one
   call. It has no finalizer, because a multi points into it for as long as that
   lives; each keeps it alive. */
#include "newsbox.h"

#include <string.h>

#include "multi.h"

static const char newsbox_type[] = "multisock.newsbox";

typedef struct Newsbox {
  News news;
  Deadlines deadlines;
  const void *self;        /* see Owner in owner.h */
} Newsbox;

static Newsbox *newsbox_check(lua_State *L, int idx)
{
  Newsbox *box = compat_checkudata(L, idx, newsbox_type);
  if (box->self != box)
    luaL_argerror(L, idx, "the newsbox is of another Lua state");
  return box;
}

/*** Has a multi put the news of its transfers here from now on.
@param multi core.Multi without transfers, that no loop drives
@return self */
static int newsbox_attach(lua_State *L)
{
  Newsbox *box = newsbox_check(L, 1);
  Multi *multi = multi_check_idle(L, 2, "attach");
  if (multi->loop != NULL || multi->added > 0)
    return luaL_error(L, "attach: the multi has a loop, or transfers");
  multi->news = &box->news;
  multi->deadlines = &box->deadlines;
  compat_getuservalue(L, 2);
  lua_pushvalue(L, 1);
  lua_setfield(L, -2, "newsbox");
  lua_settop(L, 1);
  return 1;
}

/*** Hands over the transfers with news, as loop:news.
@return last, count */
static int newsbox_take(lua_State *L)
{
  return news_take(L, &newsbox_check(L, 1)->news);
}

/*** Whether there are none. @return boolean */
static int newsbox_is_empty(lua_State *L)
{
  lua_pushboolean(L, newsbox_check(L, 1)->news.first == NULL);
  return 1;
}

/*** Makes those whose limit has passed news. @return when to call it again,
seconds of core.now; nil: not for now */
static int newsbox_expire(lua_State *L)
{
  Newsbox *box = newsbox_check(L, 1);
  uint64_t next = box->deadlines.earliest, now;
  if (next != 0 && next <= (now = uv_hrtime() / 1000000))
    next = multi_expire(&box->deadlines, now);
  if (next == 0)
    lua_pushnil(L);
  else
    lua_pushnumber(L, (lua_Number)next / 1000);
  return 1;
}

/*** Makes an empty one. @return core.Newsbox
@local */
int newsbox_new(lua_State *L)
{
  Newsbox *box = compat_newuserdata(L, sizeof *box);
  memset(box, 0, sizeof *box);
  box->self = box;
  luaL_setmetatable(L, newsbox_type);
  return 1;
}

static const luaL_Reg methods[] = {
  { "attach", newsbox_attach },     { "take", newsbox_take },
  { "is_empty", newsbox_is_empty }, { "expire", newsbox_expire },
  { NULL, NULL }
};

void newsbox_open(lua_State *L)
{
  compat_opentype(L, newsbox_type, NULL, methods);
}
