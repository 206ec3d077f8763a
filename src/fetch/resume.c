/* Resumes woken tasks, one after the other, and turns the loop for as long as they
   only wait again: what scheduler.lua does, without a turn of Lua's virtual machine. */
#include "resume.h"

#include "loop.h"
#include "task.h"

/* The name of the field of the scheduler with the task that runs; and those of the
   list of woken tasks: the indices of its first and last one, and whether Lua has
   something to look at. */
#define RUNNING lua_upvalueindex(TASK_NAMES + 1)
#define FIRST lua_upvalueindex(TASK_NAMES + 2)
#define LAST lua_upvalueindex(TASK_NAMES + 3)
#define NOTICED lua_upvalueindex(TASK_NAMES + 4)

/* Where the arguments of both stand, and the task that is at work. */
#define READY 1
#define LOOP 2
#define STRAYS 3
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

/* The value at `task`, an index of the stack, is the one that runs. */
static void set_running(lua_State *L, int task)
{
  lua_pushvalue(L, RUNNING);
  lua_pushvalue(L, task);
  lua_rawset(L, SCHEDULER);
}

/* Takes the tasks from `*next` to `last` off the list and resumes them, until there
   is something that Lua has to do for one: then this is pushed, and what
   resume_woken says. Returns how many were pushed. */
static int resume_all(lua_State *L, lua_Integer *next, lua_Integer last)
{
  while (*next <= last) {
    lua_State *co;
    int count, status;
    lua_rawgeti(L, READY, *next);
    lua_pushnil(L);
    lua_rawseti(L, READY, (*next)++);
    luaL_checktype(L, TASK, LUA_TTABLE);
    if (!is_suspended(L, &co))
      return 1;
    task_set_parked(L, TASK, false);
    set_running(L, TASK);
    status = compat_resume(co, L, &count);
    if (status != LUA_YIELD || !is_parked(L)) {
      lua_pushboolean(L, status == LUA_OK || status == LUA_YIELD);
      if (status == LUA_OK || status == LUA_YIELD)
        return 2;
      lua_xmove(co, L, 1);
      return 3;
    }
    lua_pop(co, count);
    lua_settop(L, SCHEDULER);
  }
  return 0;
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
  lua_Integer next = luaL_checkinteger(L, 2);
  lua_Integer last = luaL_checkinteger(L, 3);
  int count;
  luaL_checktype(L, READY, LUA_TTABLE);
  luaL_checktype(L, SCHEDULER, LUA_TTABLE);
  lua_settop(L, SCHEDULER);
  count = resume_all(L, &next, last);
  lua_pushinteger(L, next);
  lua_insert(L, -1 - count);
  return 1 + count;
}

/* ---- Turns of the loop ---- */

static lua_Integer get_index(lua_State *L, int name)
{
  lua_Integer index;
  lua_pushvalue(L, name);
  lua_rawget(L, READY);
  index = lua_tointeger(L, -1);
  lua_pop(L, 1);
  return index;
}

static void set_index(lua_State *L, int name, lua_Integer index)
{
  lua_pushvalue(L, name);
  lua_pushinteger(L, index);
  lua_rawset(L, READY);
}

static bool is_noticed(lua_State *L)
{
  bool noticed;
  lua_pushvalue(L, NOTICED);
  lua_rawget(L, READY);
  noticed = lua_toboolean(L, -1);
  lua_pop(L, 1);
  return noticed;
}

/* The list is empty again when all have run, and no other task was woken by them.
   @return whether it is */
static bool clear(lua_State *L, lua_Integer next, lua_Integer last)
{
  if (next > last && get_index(L, LAST) == last) {
    if (last > 0)
      set_index(L, LAST, 0);
    return true;
  }
  set_index(L, FIRST, next);
  return false;
}

/* Seconds; without a deadline there is no limit. */
static lua_Number left_until(lua_Number deadline)
{
  lua_Number left;
  if (deadline <= 0)
    return LOOP_NO_LIMIT;
  left = deadline - (lua_Number)uv_hrtime() / 1e9;
  return left > 0 ? left : 0;
}

/*** Turns a loop, and resumes the tasks whose transfers are ready, again and again,
for as long as these only wait again: until Lua has something to do.
@param ready list of woken tasks, which is empty: see scheduler.lua
@param loop core.Loop
@param strays as for loop:ready
@param scheduler as for `resume`
@param deadline? when to return, seconds of core.now; who is ready then is left to
Lua, which wakes others, too
@return whether anything has happened, or can; the number of strays; and as `resume`
the task that needs something, whether its coroutine got on, the error
@raise as loop:step
@local */
static int turns(lua_State *L)
{
  lua_Number deadline = luaL_optnumber(L, 5, 0);
  lua_Integer last, next, strays = 0;
  bool alive, empty;
  int count = 0;
  luaL_checktype(L, READY, LUA_TTABLE);
  luaL_checktype(L, STRAYS, LUA_TTABLE);
  luaL_checktype(L, SCHEDULER, LUA_TTABLE);
  lua_settop(L, SCHEDULER);
  do {
    /* A task may have closed it. */
    Loop *loop = loop_check(L, LOOP);
    alive = loop_run_once(L, loop, left_until(deadline));
    if (left_until(deadline) == 0)
      break;
    next = 1;
    last =
        ready_move(L, &loop->ready, READY, get_index(L, LAST), STRAYS, &strays);
    set_index(L, LAST, last);
    count = resume_all(L, &next, last);
    empty = clear(L, next, last);
    if (count == 0) {
      lua_pushnil(L);
      set_running(L, TASK);
      lua_settop(L, SCHEDULER);
    }
    alive = alive || last > 0 || strays > 0;
    /* A hook of the main chunk is how Ctrl-C comes to it. */
  } while (alive && empty && count == 0 && strays == 0 && !is_noticed(L) &&
           lua_gethook(L) == NULL);
  lua_pushboolean(L, alive);
  lua_pushinteger(L, strays);
  lua_insert(L, SCHEDULER + 1);
  lua_insert(L, SCHEDULER + 1);
  return 2 + count;
}

/* Adds its functions to the table on top: core. */
void resume_open(lua_State *L)
{
  static const luaL_Reg functions[] = {
    { "resume", resume_woken },
    { "turns", turns },
    { NULL, NULL },
  };
  task_push_names(L);
  lua_pushliteral(L, "task");
  lua_pushliteral(L, "first");
  lua_pushliteral(L, "last");
  lua_pushliteral(L, "noticed");
  luaL_setfuncs(L, functions, TASK_NAMES + 4);
}
