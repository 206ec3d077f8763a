/* Multis that a loop drives: how they come to it, and what it does for them. */
#include "error.h"
#include "loop.h"

static void fail(Loop *loop, Multi *multi)
{
  loop->failed = multi;
}

static void forget(Loop *loop, Multi *multi)
{
  if (multi->previous != NULL)
    multi->previous->next = multi->next;
  else
    loop->multis = multi->next;
  if (multi->next != NULL)
    multi->next->previous = multi->previous;
  multi->loop = NULL;
  if (loop->failed == multi)
    loop->failed = NULL;
}

static const LoopSide side = { loop_check_thread, loop_arm_deadline, fail,
                               forget };

/* The loop closes what is attached to it before itself. */
static void adopt(Loop *loop, Multi *multi)
{
  multi->loop = loop;
  multi->side = &side;
  multi->previous = NULL;
  multi->next = loop->multis;
  if (loop->multis != NULL)
    loop->multis->previous = multi;
  loop->multis = multi;
}

/*** Lets a libuv loop drive this multi.
@param loop core.Loop
@return self; or nil, err
@raise when it is attached already or has transfers in it */
static int multi_attach(lua_State *L)
{
  Multi *multi = multi_check_idle(L, 1, "attach");
  Loop *loop = loop_check(L, 2);
  CURLMcode code;
  loop_check_thread(L, loop, "attach");
  if (multi->loop != NULL)
    return luaL_error(L, "attach: the multi has a loop already");
  if (multi->added > 0)
    return luaL_error(L, "attach: the multi has transfers in it");
  code = multi_drive(multi, loop->driver);
  if (code != CURLM_OK) {
    lua_pushnil(L);
    error_push_multi(L, code);
    return 2;
  }
  multi->ready = &loop->ready;
  multi->deadlines = &loop->deadlines;
  adopt(loop, multi);
  compat_getuservalue(L, 1);
  lua_pushvalue(L, 2);
  lua_setfield(L, -2, "loop");
  lua_settop(L, 1);
  return 1;
}

static const luaL_Reg methods[] = {
  { "attach", multi_attach },
  { NULL, NULL },
};

void attach_open(lua_State *L)
{
  compat_addmethods(L, multi_type, methods);
}
