/* The fields of a task (scheduler.lua) that C reads and writes. Their names are upvalues of
   the functions that do so, the first ones: looking up the name is most of the work. */
#pragma once

#include "compat.h"

enum {
  TASK_CO = 1,    /* its coroutine */
  TASK_PARKED,    /* whether it waits to be woken */
  TASK_INTERRUPT, /* with what it was cancelled, or nil */
  TASK_NAMES = TASK_INTERRUPT
};

/* Pushes the names, for lua_pushcclosure. */
static inline void task_push_names(lua_State *L)
{
  lua_pushliteral(L, "co");
  lua_pushliteral(L, "parked");
  lua_pushliteral(L, "interrupt");
}

/* Pushes a field of the task at `task`. */
static inline void task_get(lua_State *L, int task, int name)
{
  lua_pushvalue(L, lua_upvalueindex(name));
  lua_rawget(L, task);
}

static inline void task_set_parked(lua_State *L, int task, bool parked)
{
  lua_pushvalue(L, lua_upvalueindex(TASK_PARKED));
  lua_pushboolean(L, parked);
  lua_rawset(L, task);
}
