/* Turns of the libuv loop. Lua pulls: a step runs the loop until something
   happened, and ready() then hands over all transfers that have something to
   tell, so Lua is entered once for a batch of events. */
#include "error.h"
#include "host.h"
#include "interrupt.h"
#include "loop.h"
#include "owner.h"

bool loop_has_results(const Loop *loop)
{
  const Multi *multi = loop->multis;
  while (multi != NULL && multi->finished.first == NULL)
    multi = multi->next;
  return loop->ready.first != NULL || multi != NULL;
}

/* Its only job is to end the step. */
static void on_alarm(uv_timer_t *timer)
{
  uvdriver_serve_soon(container_of(timer, Loop, alarm)->driver);
}

/* What a push or notify function raised in this step; further ones follow
   with the next. */
static void raise_failed(lua_State *L, Loop *loop)
{
  Multi *multi = loop->failed;
  loop->failed = NULL;
  if (multi->failed_in_lua)
    multi_rethrow(L, multi);
}

static void on_deadline(uv_timer_t *timer)
{
  Loop *loop = container_of(timer, Loop, deadline);
  loop->deadline_at = 0;
  if (loop->forks != process_forks)
    return;
  uvdriver_serve_soon(loop->driver);
  if (multi_expire(&loop->deadlines, uv_now(loop->uv)) != 0)
    loop_arm_deadline(loop);
}

/* The later deadlines of most find it armed for an earlier one, which may be gone
   by then: so it costs them nothing. */
void loop_arm_deadline(Loop *loop)
{
  uint64_t at = loop->deadlines.earliest, now;
  if (loop->deadline_at != 0 && loop->deadline_at <= at)
    return;
  loop->deadline_at = at;
  uv_update_time(loop->uv); /* or it fires early */
  now = uv_now(loop->uv);
  (void)uv_timer_start(&loop->deadline, on_deadline, at > now ? at - now : 0,
                       0);
}

/* Runs libuv's loop once. */
static void turn(Loop *loop, uv_run_mode mode)
{
  loop->depth++;
  /* What was started goes first: a new request on a connection that others
     share would else take their event for its own, not look whether it may
     write, and send its body in a later turn than its headers. */
  do {
    uvdriver_flush(loop->driver);
    uvdriver_catch_up(loop->driver);
  } while (uvdriver_is_behind(loop->driver) && !loop_has_results(loop));
  /* What was served may already be ready: then do not wait for more. */
  if (loop_has_results(loop))
    mode = UV_RUN_NOWAIT;
  host_step_begins(loop->host);
  if (!uvdriver_is_behind(loop->driver)) {
    uvdriver_flushing(loop->driver);
    (void)uv_run(loop->uv, mode);
  }
  host_step_ends(loop->host);
  loop->depth--;
  if (uv_is_active((uv_handle_t *)&loop->alarm))
    (void)uv_timer_stop(&loop->alarm);
}

/* Makes the step end after so many seconds. */
static uv_run_mode arm_alarm(Loop *loop, lua_Number seconds)
{
  if (!(seconds > 0))
    return UV_RUN_NOWAIT;
  (void)uv_timer_start(&loop->alarm, on_alarm,
                       seconds < 1e9 ? (uint64_t)(seconds * 1000) + 1
                                     : (uint64_t)1e12,
                       0);
  return UV_RUN_ONCE;
}

bool loop_run_once(lua_State *L, Loop *loop, lua_Number seconds)
{
  uv_run_mode mode = UV_RUN_ONCE;
  if (!host_is_in_turn(loop->host)) {
    loop_check_thread(L, loop, "step");
    if (loop->depth > 0)
      return luaL_error(L, "step: the loop is running");
    if (host_is_running(loop->host))
      return luaL_error(L, "step: " HOST_RUNS);
    uv_update_time(loop->uv); /* Lua may have worked for long */
    if (seconds >= 0)
      mode = arm_alarm(loop, seconds);
    loop->thread = pthread_self();
    turn(loop, mode);
  }
  if (loop->failed != NULL)
    raise_failed(L, loop);
  return uv_loop_alive(loop->uv);
}

/*** Waits for events and serves them. In a turn of an adopted loop it does
nothing: the host's uv_run does it.
@param timeout? seconds at most; nil: until something happens; 0: what is
there now
@return boolean whether anything is left that the loop could wait for
@raise when called in a callback, or while the host runs an adopted loop; what
a push or notify function raised
@see uv_run(3) */
static int loop_step(lua_State *L)
{
  Loop *loop = loop_check(L, 1);
  lua_Number seconds = LOOP_NO_LIMIT;
  if (!lua_isnoneornil(L, 2)) {
    seconds = luaL_checknumber(L, 2);
    if (!(seconds > 0))
      seconds = 0;
  }
  lua_pushboolean(L, loop_run_once(L, loop, seconds));
  return 1;
}

/*** Hands over the transfers that have something to tell since the last call:
who waits for one (in core.waiting) goes to the end of `ready`, a transfer that
nobody waits for into `strays`.
@param ready list of tasks
@param last index of its last one
@param strays table that takes easies as 1..count; what it held beyond stays
@return last, count
@local */
static int loop_ready(lua_State *L)
{
  return ready_take(L, &loop_check(L, 1)->ready);
}

/*** How long a step would wait by itself.
@return seconds; nil: until a socket is ready
@see uv_backend_timeout(3) */
static int loop_timeout(lua_State *L)
{
  Loop *loop = loop_check(L, 1);
  int ms = 0;
  /* The last transfer may have ended: nothing is alive, but it is ready. */
  bool behind = loop->ready.first != NULL || uvdriver_is_behind(loop->driver) ||
                uvdriver_is_unflushed(loop->driver);
  uv_update_time(loop->uv);
  if (!behind)
    ms = uv_loop_alive(loop->uv) ? uv_backend_timeout(loop->uv) : -1;
  if (ms < 0)
    lua_pushnil(L);
  else
    lua_pushnumber(L, (lua_Number)ms / 1000);
  return 1;
}

/*** Whether anything is left that the loop could wait for.
@return boolean
@see uv_loop_alive(3) */
static int loop_is_alive(lua_State *L)
{
  lua_pushboolean(L, uv_loop_alive(loop_check(L, 1)->uv));
  return 1;
}

/*** The descriptor that is readable when a step has something to do.
@return integer; nil where the system has none
@see uv_backend_fd(3) */
static int loop_fd(lua_State *L)
{
  int fd = uv_backend_fd(loop_check(L, 1)->uv);
  if (fd < 0)
    lua_pushnil(L);
  else
    lua_pushinteger(L, fd);
  return 1;
}

/*** The monotonic clock.
@return seconds, with fractions */
static int loop_now(lua_State *L)
{
  lua_pushnumber(L, (lua_Number)uv_hrtime() / 1e9);
  return 1;
}

/*** How many sockets are watched, idle connections included, and how many
multis are attached: for leak checks.
@return integer, integer */
static int loop_counts(lua_State *L)
{
  Loop *loop = loop_check(L, 1);
  lua_Integer multis = 0;
  const Multi *multi;
  for (multi = loop->multis; multi != NULL; multi = multi->next)
    multis++;
  lua_pushinteger(L, (lua_Integer)uvdriver_watched(loop->driver));
  lua_pushinteger(L, multis);
  return 2;
}

/*** Lets Ctrl-C end a blocking step, for as long as a program runs the loop.
Only where the host handles SIGINT by a plain function, as `lua` does.
@param on boolean; false also for a loop of the parent process
@see sigaction(2) */
static int loop_interruptible(lua_State *L)
{
  Loop **box = compat_checkudata(L, 1, loop_type);
  if (lua_toboolean(L, 2))
    interrupt_start(loop_check(L, 1)->uv);
  else if (box_is_here(box) && *box != NULL)
    interrupt_stop((*box)->uv);
  return 0;
}

/*** Keeps Ctrl-C until further notice, then lets it through: for the time in
which somebody else's loop waits, and calls functions that may not raise. Only
where `interruptible` is on.
@param on boolean
@local */
static int loop_defer_interrupts(lua_State *L)
{
  interrupt_defer(loop_check(L, 1)->uv, lua_toboolean(L, 2));
  return 0;
}

const luaL_Reg loop_turn_methods[] = {
  { "step", loop_step },
  { "ready", loop_ready },
  { "timeout", loop_timeout },
  { "fd", loop_fd },
  { "now", loop_now },
  { "counts", loop_counts },
  { "is_alive", loop_is_alive },
  { "interruptible", loop_interruptible },
  { "defer_interrupts", loop_defer_interrupts },
  { NULL, NULL },
};
