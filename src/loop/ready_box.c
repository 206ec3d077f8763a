/* What core.loop is for the ready transfers of the multis attached to it, for those that
   Lua drives (lua/multisock/loop/socket_driver.lua): one list of all, handed over in one
   call. It has no finalizer, because a multi points into it for as long as that
   lives; each keeps it alive. */
#include "ready_box.h"

#include <string.h>

#include "multi.h"

static const char ready_box_type[] = "multisock.ready_box";

typedef struct ReadyBox {
  ReadyList ready;
  Deadlines deadlines;
  const void *self; /* see Owner in owner.h */
} ReadyBox;

static ReadyBox *ready_box_check(lua_State *L, int idx)
{
  ReadyBox *box = compat_checkudata(L, idx, ready_box_type);
  if (box->self != box)
    luaL_argerror(L, idx, "the ready_box is of another Lua state");
  return box;
}

/*** Has a multi put its ready transfers here from now on.
@param multi core.Multi without transfers, that no loop drives
@return self */
static int ready_box_attach(lua_State *L)
{
  ReadyBox *box = ready_box_check(L, 1);
  Multi *multi = multi_check_idle(L, 2, "attach");
  if (multi->loop != NULL || multi->added > 0)
    return luaL_error(L, "attach: the multi has a loop, or transfers");
  multi->ready = &box->ready;
  multi->deadlines = &box->deadlines;
  compat_getuservalue(L, 2);
  lua_pushvalue(L, 1);
  lua_setfield(L, -2, "ready_box");
  lua_settop(L, 1);
  return 1;
}

/*** Hands over the transfers that are ready, as loop:ready.
@return last, count */
static int ready_box_take(lua_State *L)
{
  return ready_take(L, &ready_box_check(L, 1)->ready);
}

/*** Whether there are none. @return boolean */
static int ready_box_is_empty(lua_State *L)
{
  lua_pushboolean(L, ready_box_check(L, 1)->ready.first == NULL);
  return 1;
}

/*** Makes those whose limit has passed ready. @return when to call it again,
seconds of core.now; nil: not for now */
static int ready_box_expire(lua_State *L)
{
  ReadyBox *box = ready_box_check(L, 1);
  uint64_t next = box->deadlines.earliest, now;
  if (next != 0 && next <= (now = uv_hrtime() / 1000000))
    next = multi_expire(&box->deadlines, now);
  if (next == 0)
    lua_pushnil(L);
  else
    lua_pushnumber(L, (lua_Number)next / 1000);
  return 1;
}

/*** Makes an empty one. @return core.ReadyBox
@local */
int ready_box_new(lua_State *L)
{
  ReadyBox *box = compat_newuserdata(L, sizeof *box);
  memset(box, 0, sizeof *box);
  box->self = box;
  luaL_setmetatable(L, ready_box_type);
  return 1;
}

static const luaL_Reg methods[] = {
  { "attach", ready_box_attach },
  { "take", ready_box_take },
  { "is_empty", ready_box_is_empty },
  { "expire", ready_box_expire },
  { NULL, NULL },
};

void ready_box_open(lua_State *L)
{
  compat_opentype(L, ready_box_type, NULL, methods);
}
