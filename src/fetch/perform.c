/* What is done of a request in one call: when a slot and a handle of its profile
   are free, C starts it, suspends the task, and takes what has come. Where none is
   free, or more is to be done at the end, Lua goes on: connection/, url_only.lua
   and usual.lua are its only callers. */
#include "perform.h"

#include "conclude.h"
#include "error_object.h"
#include "limiter.h"
#include "message.h"
#include "owner.h"
#include "receiver.h"
#include "start.h"
#include "task.h"

/* Where its arguments stand. */
#define LIMITER 1
#define TARGET 2
#define TASK 3
#define PROFILE 4
#define TAKEN 5 /* has its slot already */
#define MESSAGE 6
#define LAST (MESSAGE + MESSAGE_COUNT - 1)
#define EASY (LAST + 1) /* while the task waits: kept alive */

/* core.waiting. */
#define WAITING lua_upvalueindex(TASK_NAMES + 1)

/* Whether a transfer can run on the handle that waits in this place. */
static bool is_ready(const Limiter *limiter, int at)
{
  return at >= 0 && limiter->version != VERSION_UNKNOWN &&
         box_is_here(limiter->idle[at]) && /* not the parent process's */
         *limiter->idle[at] != NULL && start_can(*limiter->idle[at]);
}

/* Whether the running coroutine is the task's, and may be suspended. */
static bool can_wait(lua_State *L)
{
  bool can;
  task_get(L, TASK, TASK_CO);
  can = lua_tothread(L, -1) == L && lua_isyieldable(L);
  lua_pop(L, 1);
  return can;
}

/* Goes on when the task is resumed. `box` is that of the easy. False, and so many
   results are pushed, when the task was cancelled. */
static bool resumes(lua_State *L, Easy **box, int *results)
{
  Easy *easy = *box;
  if (easy == NULL)
    luaL_error(L, "the handle of a running transfer was closed");
  lua_settop(L, EASY);
  lua_pushboolean(L, 0);
  lua_rawseti(L, WAITING, easy->id);
  task_get(L, TASK, TASK_INTERRUPT);
  if (!lua_isnil(L, -1)) {
    *results = conclude_leave(L, easy);
    return false;
  }
  if (!lua_isnil(L, PROFILE))
    easy->profile = (int)lua_tointeger(L, PROFILE);
  return true;
}

/* Whether a good answer is there, more of its body is to come, and nothing else is
   to be done for it. */
static bool is_coming(const Easy *easy)
{
  const Receiver *receiver = easy->receiver;
  return receiver_answered(easy) && receiver->status >= 200 &&
         receiver->status < 300 && !easy->finished && !easy->failed_in_lua &&
         receiver->coded == NULL && *easy->home != NULL &&
         !receiver_is_whole(easy);
}

/* After the request was sent. */
static int finish(lua_State *L, Easy **box)
{
  int results;
  if (!resumes(L, box, &results))
    return results;
  if (!is_coming(*box))
    return conclude(L, LIMITER, EASY);
  lua_pushinteger(L, (*box)->receiver->status);
  lua_pushnil(L);
  lua_pushvalue(L, EASY);
  guard_push(L, EASY);
  return 4;
}

/* The task is told when this easy is ready from now on. */
static void await(lua_State *L, const Easy *easy)
{
  lua_pushvalue(L, TASK);
  lua_rawseti(L, WAITING, easy->id);
  task_set_parked(L, TASK, true);
}

/* It did not start: nil and the error on top are returned. */
static int give_up(lua_State *L, Limiter *limiter, Easy **box)
{
  limiter_leave(limiter, false);
  if (*box != NULL) {
    message_end(L, *box, EASY);
    if (limiter_has(L, LIMITER, EASY))
      (void)limiter_keep(limiter, box, 0); /* there is room: it was there */
  }
  return error_return(L);
}

Easy **perform_start(lua_State *L, bool (*may)(lua_State *L), int *results)
{
  Limiter *limiter = limiter_check(L, LIMITER);
  int profile = (int)luaL_checkinteger(L, PROFILE), at;
  bool taken = lua_toboolean(L, TAKEN);
  Easy **box;
  luaL_checktype(L, TARGET, LUA_TTABLE);
  lua_settop(L, LAST);
  message_check(L, MESSAGE);
  *results = 0;
  at = limiter_find(limiter, profile);
  if ((limiter->queued && !taken) || !is_ready(limiter, at) ||
      (may != NULL && !may(L)) || (!taken && !limiter_take_free(limiter)))
    return NULL;
  box = limiter_take_idle(limiter, at);
  limiter_push(L, LIMITER, *box);
  if (!start_transfer(L, *(*box)->home, EASY, limiter, TARGET, MESSAGE)) {
    *results = give_up(L, limiter, box);
    return NULL;
  }
  if (*box == NULL)
    luaL_error(L, "the handle was closed while its transfer started");
  return box;
}

/* Leaves the easy at EASY. NULL when it did not start: then so many results are
   pushed. */
static Easy **begin(lua_State *L, int *results)
{
  Easy **box;
  luaL_checktype(L, TASK, LUA_TTABLE);
  box = perform_start(L, can_wait, results);
  if (box != NULL)
    await(L, *box);
  return box;
}

#if COMPAT_CONTINUES

/* ---- What is left of a body ---- */

/* Where other arguments stood: which transfer it is, as the handle may serve
   another one when the task goes on; when the wait began; the guard. */
#define SERIAL TARGET
#define GUARD TAKEN
#define SINCE MESSAGE

/* Whether a task waits for this easy already. */
static bool is_awaited(lua_State *L, const Easy *easy)
{
  bool is;
  lua_rawgeti(L, WAITING, easy->id);
  is = lua_toboolean(L, -1);
  lua_pop(L, 1);
  return is;
}

static bool still_runs(lua_State *L, const Easy *easy)
{
  return easy != NULL && easy->receiver != NULL && easy->multi != NULL &&
         easy->receiver->serial == (unsigned)lua_tointeger(L, SERIAL);
}

static int go_on_with_rest(lua_State *L, int status, lua_KContext context)
{
  Easy **box = (Easy **)context;
  if (still_runs(L, *box)) {
    if (resumes(L, box, &status))
      status = conclude(L, LIMITER, EASY);
    if (lua_toboolean(L, -status)) { /* the first of so many results */
      guard_spare(L, GUARD, EASY);
      return status;
    }
  }
  lua_pushboolean(L, 0);
  lua_pushvalue(L, SINCE);
  return 2;
}

/*** Waits for the rest of a body that is wanted whole, and takes all.
@param limiter of the host, where the transfer has its slot
@param easy core.Easy whose answer was handed over
@param task who asks
@param profile number to keep the handle with; nil: as it says itself
@param guard? of the response, which has it no more when all has come
@return nothing when it cannot wait here, or the body is too large already; as `perform`
of one of which all is there; or false, and when it began to wait, when something else
has happened, or another task has ended the transfer */
static int perform_rest(lua_State *L)
{
  Limiter *limiter = limiter_check(L, LIMITER);
  Easy *easy = easy_check(L, 2);
  Easy **box = lua_touserdata(L, 2);
  Receiver *receiver = easy->receiver;
  luaL_checktype(L, TASK, LUA_TTABLE);
  (void)luaL_optinteger(L, PROFILE, 0);
  lua_settop(L, EASY - 1);
  if (receiver == NULL || receiver->paused || receiver->coded != NULL ||
      easy->home == NULL || *easy->home != easy->multi || easy->multi == NULL ||
      easy->finished || sink_is_open(&receiver->seldom->sink) ||
      (receiver->max_body != 0 && receiver->received > receiver->max_body) ||
      !limiter_has(L, LIMITER, 2) || limiter->active == 0 ||
      is_awaited(L, easy) || !can_wait(L))
    return 0;
  lua_pushvalue(L, 2); /* to EASY */
  lua_pushinteger(L, receiver->serial);
  lua_replace(L, SERIAL);
  lua_pushnumber(L, (lua_Number)uv_hrtime() / 1e9);
  lua_replace(L, SINCE);
  receiver->buffering = true;
  if (receiver->idle_ms > 0)
    multi_expect_more(easy->multi, easy, receiver->idle_ms + 1);
  await(L, easy);
  return lua_yieldk(L, 0, (lua_KContext)box, go_on_with_rest);
}

static int go_on(lua_State *L, int status, lua_KContext context)
{
  (void)status;
  return finish(L, (Easy **)context);
}

/*** A request for which a slot and a handle are free: starts it, suspends the
task, and takes what has come. Where C cannot go on after that, there are
`perform_begin` and `perform_finish`, between which compat.lua suspends it.
@param limiter of the host
@param target table with `url`, a core.Url, or `sample`, one of the same place, and `text`;
and with `web`: whether it is HTTP
@param task who asks
@param profile number that its handle was kept with
@param taken boolean: it has its slot already
@param limits, lines, method, deadline, body, once, size the message: see message.h
@return nothing when no handle is free, or no slot; status, body, snapshot
(see core.snapshot), and where something is left: awaited (boolean: somebody may wait
for the slot that was given back), easy (when it is to be closed, or nil); status, nil, easy, guard
when that is good and more of the body is to come; or, when something is left to be done, false, easy, multi (nil when it is closed); or nil, err when it did not
start, and then its slot is given back */
static int perform_all(lua_State *L)
{
  int results;
  Easy **box = begin(L, &results);
  return box == NULL ? results : lua_yieldk(L, 0, (lua_KContext)box, go_on);
}

#else

/*** The first half of `perform`.
@return easy when the task is to be suspended; else what `perform` returns */
static int perform_begin(lua_State *L)
{
  int results;
  Easy **box = begin(L, &results);
  if (box == NULL)
    return results;
  easy_push(L, *box);
  return 1;
}

/*** The second half.
@param easy what perform_begin returned
@param limiter, target, task and so on as for that
@return as `perform` */
static int perform_finish(lua_State *L)
{
  Easy **box = compat_checkudata(L, 1, easy_type);
  lua_settop(L, LAST + 1);
  lua_pushvalue(L, 1);
  lua_remove(L, 1);
  (void)limiter_check(L, LIMITER);
  return finish(L, box);
}

#endif

static const luaL_Reg functions[] = {
#if COMPAT_CONTINUES
  { "perform", perform_all },
  { "rest", perform_rest },
#else
  { "perform_begin", perform_begin },
  { "perform_finish", perform_finish },
#endif
  { NULL, NULL },
};

/* Adds its functions to the table on top: core. Their upvalues are the names of
   task.h, and core.waiting. */
void perform_open(lua_State *L)
{
  easy_push_waiting(L);
  lua_setfield(L, -2, "waiting");
  task_push_names(L);
  lua_getfield(L, -1 - TASK_NAMES, "waiting");
  luaL_setfuncs(L, functions, TASK_NAMES + 1);
}
