/* Resumes woken tasks, one after the other: what scheduler.lua does for each,
   without a turn of Lua's virtual machine for those that only wait again. */
#include "resume.h"

#include "task.h"

/* The name of the field of the scheduler with the task that runs. */
#define RUNNING lua_upvalueindex(TASK_NAMES + 1)

/* Where the arguments of resume_woken stand, and the task that is at work. */
#define READY 1
#define SCHEDULER 4
#define TASK 5

/* Whether its coroutine waits to be resumed; the coroutine. */
static bool is_suspended(lua_State *L, lua_State **co)
{
  task_get(L, TASK, TASK_CO);
  *co = lua_tothread(L, -1);
  lua_pop(L, 1); /* the task holds it */
  return *co != NULL && lua_status(*co) == LUA_YIELD;
}

static bool is_parked(lua_State *L)
{
  bool parked;
  task_get(L, TASK, TASK_PARKED);
  parked = lua_toboolean(L, -1);
  lua_pop(L, 1);
  return parked;
}

/*** Resumes the tasks of a list, and empties it, until there is something that
Lua has to do for one of them.
@param ready list of tasks
@param first, last index of the first and the last one
@param scheduler table whose `task` is the one that runs; is left there
@return index of the next one; the task that needs something, nil when all have
run and wait again; and whether its coroutine got on without an error, nil when
it was not resumed because it is not suspended; the error
@see lua_resume in the manual of Lua */
static int resume_woken(lua_State *L)
{
  lua_Integer i = luaL_checkinteger(L, 2);
  lua_Integer last = luaL_checkinteger(L, 3);
  luaL_checktype(L, READY, LUA_TTABLE);
  luaL_checktype(L, SCHEDULER, LUA_TTABLE);
  lua_settop(L, SCHEDULER);
  while (i <= last) {
    lua_State *co;
    int count, status;
    lua_rawgeti(L, READY, i);
    lua_pushnil(L);
    lua_rawseti(L, READY, i++);
    luaL_checktype(L, TASK, LUA_TTABLE);
    if (!is_suspended(L, &co)) {
      lua_pushinteger(L, i);
      lua_pushvalue(L, TASK);
      return 2;
    }
    task_set_parked(L, TASK, false);
    lua_pushvalue(L, RUNNING);
    lua_pushvalue(L, TASK);
    lua_rawset(L, SCHEDULER);
    status = compat_resume(co, L, &count);
    if (status != LUA_YIELD || !is_parked(L)) {
      lua_pushinteger(L, i);
      lua_pushvalue(L, TASK);
      lua_pushboolean(L, status == LUA_OK || status == LUA_YIELD);
      if (status == LUA_OK || status == LUA_YIELD)
        return 3;
      lua_xmove(co, L, 1);
      return 4;
    }
    lua_pop(co, count);
    lua_settop(L, SCHEDULER);
  }
  lua_pushinteger(L, i);
  return 1;
}

/* Adds its function to the table on top: core. */
void resume_open(lua_State *L)
{
  task_push_names(L);
  lua_pushliteral(L, "task");
  lua_pushcclosure(L, resume_woken, TASK_NAMES + 1);
  lua_setfield(L, -2, "resume");
}
