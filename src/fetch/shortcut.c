/* Starting transfers, and the short way: most requests have nothing but a URL,
   a free place, a handle that waits for them, and a body that is there with its
   headers. For those C does all that lies between the URL and the body, in one
   call: half of what Lua would do for them. transfer.lua is its only caller,
   and goes the long way for all others. */
#include "shortcut.h"

#include "callbacks.h"
#include "error.h"
#include "gate.h"
#include "loop.h"
#include "options.h"
#include "owner.h"
#include "quirks.h"
#include "receiver.h"
#include "url.h"

/* ---- Starting ---- */

/* A large body costs the fewer reads, and the other side the fewer turns, the
   larger the receive buffer. But what libcurl decodes by itself waits in its own
   memory while the transfer is paused, a thousand times as much as was read in the
   worst case: large buffers are for few transfers, and for who said that his
   bodies are to come as they are. */
#define BUFFER_LARGE (512 * 1024L)
#define BUFFER_USUAL (16 * 1024L)
#define FEW 16

/* What a receive buffer takes while its transfer waits is most of what libcurl
   before 8.7 needs for one (later versions share one buffer). Small ones are for
   many transfers at once, which cannot become HTTP/2: that writes past them in
   libcurl before 8.1. */
#define BUFFER_SMALL (1 * 1024L)
#define MANY 2000

static long suitable_buffer(const Easy *easy, const Gate *gate)
{
  if (easy->receiver->undecoded && gate->active <= FEW)
    return BUFFER_LARGE;
  if (gate->active > MANY && gate->cleartext && !easy->cleartext_http2 &&
      quirk_large_receive_buffers())
    return BUFFER_SMALL;
  return BUFFER_USUAL;
}

static void choose_buffer(Easy *easy, const Gate *gate)
{
  long size = suitable_buffer(easy, gate);
  long now = easy->buffer_size != 0 ? easy->buffer_size : BUFFER_USUAL;
  if (now == size || now < 0)
    return;
  /* Refused while a buffer is there: then it stays as it is. */
  if (curl_easy_setopt(easy->handle, CURLOPT_BUFFERSIZE, size) == CURLE_OK)
    easy->buffer_size = size;
}

/* Gives the handle the URL of the target at `target`, and keeps that alive: its
   address tells whether it is the same. */
static CURLcode set_target(lua_State *L, Easy *easy, int target)
{
  CURLcode code;
  if (easy->target == lua_topointer(L, target))
    return CURLE_OK;               /* the same as last time */
  lua_getfield(L, target, "url");
  code = options_set_url(easy, url_check(L, -1));
  lua_pop(L, 1);
  easy_push_values(L, easy);
  if (code == CURLE_OK && lua_istable(L, -1)) {
    lua_pushvalue(L, target);
    lua_rawseti(L, -2, CURLOPT_CURLU);
    easy->target = lua_topointer(L, target);
  }
  lua_pop(L, 1);
  return code;
}

/* False, with an error object pushed, when libcurl refuses. */
static bool start(lua_State *L, Multi *multi, Easy *easy, const Gate *gate,
                  int target)
{
  CURLcode code = set_target(L, easy, target);
  CURLMcode added = multi->broken;
  if (code != CURLE_OK) {
    error_push_easy(L, easy, code);
    return false;
  }
  choose_buffer(easy, gate);
  if (easy->receiver->heats && !multi->warm)
    multi->driven.cold = true;
  if (added == CURLM_OK)
    added = multi_add_held(multi, easy);
  if (added == CURLM_OK) {
    multi_expect_answer(multi, easy);
    return true;
  }
  error_push_multi(L, added);
  return false;
}

/*** Sets the URL and adds the transfer. The caller keeps both handles alive
until it is out again.
@param gate of the host
@param multi core.Multi
@param easy core.Easy that is collected, and has all other options
@param target table with `url`, a core.Url
@return true; or nil, err */
static int shortcut_start(lua_State *L)
{
  const Gate *gate = gate_check(L, 1);
  Multi *multi = multi_check_idle(L, 2, "start");
  Easy *easy = easy_check(L, 3);
  multi_check_thread(L, multi, "fetch");
  luaL_checktype(L, 4, LUA_TTABLE);
  if (easy->multi != NULL || easy->receiver == NULL || easy->depth > 0)
    return luaL_error(L, "start: the handle is not ready");
  if (!easy_may_start(L, easy, 3))
    return 2;
  easy_set_driver(easy, multi->driven.driver);
  if (easy->own_sockets || easy->wildcard)
    callbacks_prepare(L, easy, 3, 2);
  if (start(L, multi, easy, gate, 4)) {
    lua_pushboolean(L, 1);
    return 1;
  }
  lua_pushnil(L);
  lua_insert(L, -2);
  return 2;
}

/* ---- The short way ---- */

/* Where its arguments stand. */
#define GATE 1
#define TARGET 2
#define TASK 3
#define EASY 4                     /* while the task waits: kept alive */

/* Whether a handle is there for it, and nobody waits for a place. */
static bool is_open(const Gate *gate)
{
  const Easy *last;
  const Multi *home;
  if (gate->idle_count == 0 || gate->version == VERSION_UNKNOWN)
    return false;
  /* Of the parent process: the long way says so. */
  if (!box_is_here(gate->idle[gate->idle_count - 1]))
    return false;
  last = *gate->idle[gate->idle_count - 1];
  if (last == NULL)
    return false;
  home = *last->home;
  return last->receiver != NULL && last->prepared && !last->own_sockets &&
         !last->wildcard && !last->trailers && !last->attached &&
         last->multi == NULL && last->depth == 0 &&
         home != NULL && home->depth == 0 &&
         (home->loop == NULL || loop_is_of_thread(home->loop));
}

/* Whether the running coroutine is the task's, and may be suspended. */
static bool can_wait(lua_State *L)
{
  bool can;
  lua_getfield(L, TASK, "co");
  can = lua_tothread(L, -1) == L && lua_isyieldable(L);
  lua_pop(L, 1);
  return can;
}

/* Something is left to be done: the handles go to the long way. */
static int leave_halfway(lua_State *L, Easy *easy, Multi *multi)
{
  lua_pushboolean(L, 0);
  easy_push(L, easy);
  if (multi != NULL)
    multi_push(L, multi);
  else
    lua_pushnil(L);
  return 3;
}

/* How long it may take to decode a body here, where the others wait: most take
   a tenth of that. A brotli of the worst kind takes 10 ms all the same; after one
   that took too long the next ones queue up for so many times as long (see
   decoding.lua). */
#define DECODING_US 500
#define REST 8

/* Whether the body is decoded now, to its good end. */
static bool is_decoded(Easy *easy)
{
  Receiver *receiver = easy->receiver;
  uint64_t *rest = &(*easy->home)->decoded_long;
  uint64_t began = uv_hrtime(), took;
  bool more;
  if (receiver->received == 0 || began < *rest)
    return false;
  more = coded_work(receiver, DECODING_US);
  took = uv_hrtime() - began;
  if (took > DECODING_US * 1000)
    *rest = began + (REST + 1) * took;
  return !more && coded_ends_well(receiver);
}

/* Whether the whole body is there, so that nothing is left to be done for it. */
static bool is_whole(Easy *easy)
{
  const Receiver *receiver = easy->receiver;
  curl_off_t size = receiver->received;
  if (!easy->finished || easy->result != CURLE_OK || easy->failed_in_lua ||
      receiver->stage < STAGE_BODY)
    return false;
  if (receiver->coded != NULL) {
    if (!is_decoded(easy))
      return false;
    size = receiver->coded->made;
  }
  return receiver->max_body == 0 || size <= receiver->max_body;
}

/* Goes on when the task is resumed. `box` is that of the easy. */
static int finish(lua_State *L, Easy **box)
{
  Easy *easy = *box;
  Gate *gate = lua_touserdata(L, GATE);
  Multi *home;
  if (easy == NULL)
    return luaL_error(L, "the handle of a running transfer was closed");
  home = *easy->home;
  lua_settop(L, EASY);
  lua_pushboolean(L, 0);
  lua_rawseti(L, lua_upvalueindex(1), easy->id);
  lua_getfield(L, TASK, "interrupt");
  if (!lua_isnil(L, -1) || home == NULL || home->depth > 0 ||
      !is_whole(easy))
    return leave_halfway(L, easy, home);
  multi_remove(home, easy);
  if (*box == NULL)
    return luaL_error(L, "the handle of a running transfer was closed");
  lua_pushinteger(L, easy->receiver->status);
  easy_push_rest(L, easy);
  gate_leave(gate, false);
  if (!gate_has(L, GATE, EASY) || !gate_keep(gate, box, !easy->worn))
    lua_pushvalue(L, EASY);        /* one too many: to be closed */
  else
    lua_pushnil(L);
  lua_pushboolean(L, gate_is_awaited(gate));
  return 5;
}

/* Leaves the easy at EASY. NULL when it did not start: then so many results are
   pushed. */
static Easy **begin(lua_State *L, int *results)
{
  Gate *gate = gate_check(L, GATE);
  bool taken = lua_toboolean(L, 4);
  Easy **box;
  luaL_checktype(L, TARGET, LUA_TTABLE);
  luaL_checktype(L, TASK, LUA_TTABLE);
  lua_settop(L, TASK);
  *results = 0;
  if ((gate->queued && !taken) || !is_open(gate) || !can_wait(L) ||
      (!taken && !gate_take_free(gate)))
    return NULL;
  box = gate->idle[--gate->idle_count];
  easy_push(L, *box);
  if (!start(L, *(*box)->home, *box, gate, TARGET)) {
    gate_leave(gate, false);
    if (*box != NULL && gate_has(L, GATE, EASY))
      (void)gate_keep(gate, box, false);       /* there is room: it was there */
    lua_pushnil(L);
    lua_insert(L, -2);
    *results = 2;
    return NULL;
  }
  if (*box == NULL)
    luaL_error(L, "the handle was closed while its transfer started");
  lua_pushvalue(L, TASK);
  lua_rawseti(L, lua_upvalueindex(1), (*box)->id);
  lua_pushboolean(L, 1);
  lua_setfield(L, TASK, "parked");
  return box;
}

#if COMPAT_CONTINUES

static int go_on(lua_State *L, int status, lua_KContext context)
{
  (void)status;
  return finish(L, (Easy **)context);
}

/*** A GET for which all is prepared: starts it, suspends the task, and takes
what has come. Where C cannot go on after that, there are `get_begin` and
`get_finish`, between which compat.lua suspends it.
@param gate of the host
@param target table with `url`, a core.Url
@param task who asks
@param taken boolean: it has its place already
@return nothing when this request has to go the long way; status, body, snapshot
(see core.snapshot), easy (when it is to be closed, or nil), awaited (boolean: a
place was given back that somebody may wait for); or, when something is left to
be done, false, easy, multi (nil when it is closed); or nil, err when it did not
start, and then its place is given back */
static int shortcut_get(lua_State *L)
{
  int results;
  Easy **box = begin(L, &results);
  return box == NULL ? results : lua_yieldk(L, 0, (lua_KContext)box, go_on);
}

#else

/*** The first half of `get`.
@return easy when the task is to be suspended; else what `get` returns */
static int shortcut_get_begin(lua_State *L)
{
  int results;
  Easy **box = begin(L, &results);
  if (box == NULL)
    return results;
  easy_push(L, *box);
  return 1;
}

/*** The second half.
@param gate, target, task as for get_begin
@param easy what that returned
@return as `get` */
static int shortcut_get_finish(lua_State *L)
{
  Easy **box = compat_checkudata(L, 4, easy_type);
  (void)gate_check(L, GATE);
  return finish(L, box);
}

#endif

static const luaL_Reg functions[] = {
  { "start", shortcut_start },
#if COMPAT_CONTINUES
  { "get", shortcut_get },
#else
  { "get_begin", shortcut_get_begin },
  { "get_finish", shortcut_get_finish },
#endif
  { NULL, NULL }
};

/* Adds its functions to the table on top: core. Their upvalue is
   core.waiting. */
void shortcut_open(lua_State *L)
{
  easy_push_waiting(L);
  lua_pushvalue(L, -1);
  lua_setfield(L, -3, "waiting");
  luaL_setfuncs(L, functions, 1);
}
