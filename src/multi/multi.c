/* Multi handles: which easies they hold, what has ended, and who is told.
   A multi pins the easies in it (its user value maps their address to the
   userdata): dropping the variable never drops a running transfer. */
#include "multi.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "above.h"
#include "callbacks.h"
#include "error.h"
#include "multi_lua.h"
#include "owner.h"
#include "gathered.h"
#include "share.h"

const char multi_type[] = "multisock.multi";

/* Weak table from the address of a Multi to its userdata. */
static const char registry_key;

Multi *multi_check(lua_State *L, int idx)
{
  Multi **box = box_check(L, idx, multi_type);
  if (*box == NULL)
    luaL_argerror(L, idx, "multi handle is closed");
  return *box;
}

Multi *multi_check_idle(lua_State *L, int idx, const char *what)
{
  Multi *multi = multi_check(L, idx);
  if (multi->depth > 0)
    luaL_error(L, "%s: called in a callback of this multi; do it after the "
               "driving call has returned", what);
  return multi;
}

void multi_check_thread(lua_State *L, const Multi *multi, const char *what)
{
  if (multi->loop != NULL)
    multi->side->check_thread(L, multi->loop, what);
}

void multi_push(lua_State *L, const Multi *multi)
{
  lua_rawgetp(L, LUA_REGISTRYINDEX, &registry_key);
  lua_rawgetp(L, -1, multi);
  lua_remove(L, -2);
}

void multi_push_values(lua_State *L, const Multi *multi)
{
  multi_push(L, multi);
  if (lua_isnil(L, -1))
    return;
  compat_getuservalue(L, -1);
  lua_remove(L, -2);
}

/* ---- Entering libcurl ---- */

void multi_enter(Multi *multi)
{
  multi->depth++;
}

/* Handles that were closed in a callback are taken out when the last call
   has returned: libcurl would free them while it still uses them. */
void multi_leave(Multi *multi)
{
  Easy *easy, *next;
  if (--multi->depth > 0 || !multi->has_orphans)
    return;
  multi->has_orphans = false;
  for (easy = multi->first; easy != NULL; easy = next) {
    next = easy->next;
    if (easy->orphan) {
      multi_detach(easy);
      easy_destroy(easy);
    }
  }
}

/* ---- Ends ---- */

/* The values of the multi are on top of the stack. */
static void unpin_from_loop(lua_State *L, const Multi *multi)
{
  lua_getfield(L, -1, "loop");
  if (lua_isuserdata(L, -1)) {
    compat_getuservalue(L, -1);
    lua_pushnil(L);
    lua_rawsetp(L, -2, multi);
    lua_pop(L, 1);
  }
  lua_pop(L, 1);
}

static void take_out(Multi *multi, Easy *easy)
{
  if (!easy->in_multi)
    return;
  easy->in_multi = false;
  multi->depth++;
  /* Fails only for a handle that is not in it. */
  (void)curl_multi_remove_handle(multi->handle, easy->handle);
  easy->attached = false;
  multi->depth--;
  easy_unuse(easy);
  if (multi->driven.driver != NULL && !easy->uncounted)
    uvdriver_transfers(multi->driven.driver, -1);
  easy->uncounted = false;
}

/* libcurl does not keep why it could not make a socket, read a file of
   authorities or start a lookup. */
static bool needs_files(CURLcode result)
{
  return result == CURLE_COULDNT_CONNECT ||
         result == CURLE_COULDNT_RESOLVE_HOST ||
         result == CURLE_COULDNT_RESOLVE_PROXY ||
         result == CURLE_SSL_CACERT_BADFILE ||
         result == CURLE_FILE_COULDNT_READ_FILE;
}

/* Why: errno. When a socket could not be made there may be descriptors again by
   now, so the driver is asked first. */
static int lacks_files(const Multi *multi, const Easy *easy, CURLcode result)
{
  const UvDriver *driver = multi->driven.driver;
  if (!needs_files(result))
    return 0;
  if (driver != NULL && uvdriver_refused(driver) != easy->refused)
    return EMFILE;
  return process_lacks_files();
}

static void end(Multi *multi, Easy *easy, CURLcode result)
{
  deadline_remove(&easy->first_byte);
  easy->finished = true;
  easy->lacking = lacks_files(multi, easy, result);
  if (easy->lacking != 0 && multi->driven.driver != NULL)
    uvdriver_drop_idle(multi->driven.driver);  /* libcurl closes them soon */
  easy->result = easy->receiver == NULL ? result
                                        : above_fetch()->result(easy, result);
  if (easy->receiver == NULL) {
    if (!easy->connect_only)
      easy_unuse(easy);
    easy_leave_news(easy);
    easy_join_news(easy, &multi->finished);
    return;
  }
  /* The fetch path wants its connection back in the pool at once. */
  take_out(multi, easy);
  easy_join_news(easy, multi->news);
}

void multi_done(CURL *handle, CURLcode result, void *data)
{
  Easy *easy = NULL;
  (void)curl_easy_getinfo(handle, CURLINFO_PRIVATE, &easy);
  if (easy != NULL && !easy->orphan)
    end(data, easy, result);
}

void multi_failed(CURLMcode code, void *data)
{
  Multi *multi = data;
  Easy *easy;
  if (code == CURLM_RECURSIVE_API_CALL || code == CURLM_BAD_SOCKET)
    return;
  multi->broken = code;
  for (easy = multi->first; easy != NULL; easy = easy->next)
    if (!easy->finished)
      end(multi, easy, CURLE_FAILED_INIT);
}

static void connected(CURL *handle, void *data)
{
  Easy *easy = NULL;
  (void)data;
  (void)curl_easy_getinfo(handle, CURLINFO_PRIVATE, &easy);
  if (easy != NULL)
    easy->connected = true;
}

/* Lua's side of it: what held the easy lets go of it, and with the last one
   the loop lets go of the multi. Finds nothing when a collector is about to
   take the multi itself. */
static void unpin(const Multi *multi, const Easy *easy)
{
  lua_State *L = multi->callbacks;
  if (!lua_checkstack(L, 8))
    return;
  multi_push_values(L, multi);
  if (lua_istable(L, -1)) {
    lua_pushnil(L);
    lua_rawsetp(L, -2, easy);
    if (multi->loop != NULL && multi->pinned == 0)
      unpin_from_loop(L, multi);
  }
  lua_pop(L, 1);
}

void multi_detach(Easy *easy)
{
  Multi *multi = easy->multi;
  take_out(multi, easy);
  easy_leave_news(easy);
  deadline_remove(&easy->first_byte);
  deadline_remove(&easy->total);
  deadline_remove(&easy->idle);
  if (easy->previous != NULL)
    easy->previous->next = easy->next;
  else
    multi->first = easy->next;
  if (easy->next != NULL)
    easy->next->previous = easy->previous;
  easy->previous = easy->next = NULL;
  easy->multi = NULL;
  multi->added--;
  if (!easy->pinned)
    return;
  easy->pinned = false;
  multi->pinned--;
  unpin(multi, easy);
}

void multi_shutdown(Multi *multi)
{
  *multi->box = NULL;
  while (multi->first != NULL) {
    Easy *easy = multi->first;
    bool running = !easy->finished;
    multi_detach(easy);
    if (running) {
      easy->finished = true;
      easy->result = CURLE_ABORTED_BY_CALLBACK;
    }
    if (easy->orphan)
      easy_destroy(easy);
  }
  multi->depth++;
  (void)curl_multi_cleanup(multi->handle);   /* its only error: a bad handle */
  multi->depth--;
  uvdriver_remove_multi(&multi->driven);
  if (multi->loop != NULL)
    multi->side->forget(multi->loop, multi);
  ports_free(&multi->ports);
  free(multi);
}

/* ---- Methods ---- */

static int fail(lua_State *L)
{
  lua_pushnil(L);
  lua_insert(L, -2);
  return 2;
}

static void pin(lua_State *L, int self, const Easy *easy, int value)
{
  compat_getuservalue(L, self);
  lua_pushvalue(L, value);
  lua_rawsetp(L, -2, easy);
  lua_pop(L, 1);
}

/* A loop keeps the multis that have transfers, as these keep their easies:
   what runs is never collected. */
static void pin_to_loop(lua_State *L, int self)
{
  compat_getuservalue(L, self);
  lua_getfield(L, -1, "loop");
  compat_getuservalue(L, -1);
  lua_pushvalue(L, self);
  lua_rawsetp(L, -2, multi_check(L, self));
  lua_pop(L, 3);
}

static void join(Multi *multi, Easy *easy)
{
  easy->multi = multi;
  easy->in_multi = true;
  easy->finished = easy->reported = false;
  easy->failed_in_lua = easy->connected = false;
  easy->message[0] = '\0';
  easy->previous = NULL;
  easy->next = multi->first;
  if (multi->first != NULL)
    multi->first->previous = easy;
  multi->first = easy;
  multi->added++;
}

void multi_adopt(Multi *multi, Easy *easy)
{
  join(multi, easy);
  if (multi->driven.driver != NULL)
    uvdriver_transfers(multi->driven.driver, 1);
}

uint64_t multi_now(const Multi *multi)
{
  return multi->driven.driver != NULL ? uvdriver_now(multi->driven.driver)
                                      : uv_hrtime() / 1000000;
}

/* Connections of a share outlive the driver: it leaves them alone. */
static UvDriver *driver_for(const Multi *multi, const Easy *easy)
{
  return share_keeps_connections(easy->share) ? NULL : multi->driven.driver;
}

CURLMcode multi_add_held(Multi *multi, Easy *easy)
{
  UvDriver *driver = multi->driven.driver;
  CURLMcode code;
  easy_set_driver(easy, driver_for(multi, easy));
  if (easy->receiver != NULL)
    above_fetch()->begin(easy);
  easy->refused = driver != NULL ? uvdriver_refused(driver) : 0;
  join(multi, easy);
  multi_enter(multi);
  code = curl_multi_add_handle(multi->handle, easy->handle);
  multi_leave(multi);
  if (code != CURLM_OK) {
    easy->in_multi = false;
    multi_detach(easy);
    return code;
  }
  if (driver != NULL)
    uvdriver_transfers(driver, 1);
  return CURLM_OK;
}

int multi_add(lua_State *L, Multi *multi, int self, Easy *easy, int idx)
{
  CURLMcode code = multi->broken;
  if (easy->multi != NULL || easy->depth > 0)
    return luaL_error(L, "add_handle: the transfer is running");
  multi_check_thread(L, multi, "add_handle");
  if (!easy_may_start(L, easy, idx))
    return 2;
  if (code == CURLM_OK) {
    easy_set_driver(easy, driver_for(multi, easy));
    if (easy->own_sockets || easy->wildcard)
      callbacks_prepare(L, easy, idx, self);
    if (easy->receiver == NULL)
      callbacks_guard_head(L, easy, idx);
    pin(L, self, easy, idx);
    easy->pinned = true;
    multi->pinned++;
    code = multi_add_held(multi, easy);
  }
  if (code != CURLM_OK) {
    error_push_multi(L, code);
    return fail(L);
  }
  if (multi->loop != NULL && multi->pinned == 1)
    pin_to_loop(L, self);
  if (multi->failed_in_lua)
    multi_rethrow(L, multi);
  lua_pushvalue(L, self);
  return 1;
}

void multi_remove(Multi *multi, Easy *easy)
{
  if (easy->multi != multi)
    return;
  multi_enter(multi);
  multi_detach(easy);
  multi_leave(multi);
  if (easy->orphan)
    easy_destroy(easy);            /* its own debug function closed it */
}

/*** Adds a transfer; the next drive of the loop starts it.
@param easy core.Easy, kept alive until it is removed
@return self; or nil, err
@raise when it is in a multi already, or in a callback
@see curl_multi_add_handle(3) */
static int multi_add_handle(lua_State *L)
{
  Multi *multi = multi_check_idle(L, 1, "add_handle");
  return multi_add(L, multi, 1, easy_check(L, 2), 2);
}

/*** Takes a transfer out, whatever it is doing; its connection is closed when
it was in the middle. Nothing happens when it is not in this multi.
@param easy core.Easy
@return self
@raise in a callback of this multi
@see curl_multi_remove_handle(3) */
static int multi_remove_handle(lua_State *L)
{
  Multi *multi = multi_check_idle(L, 1, "remove_handle");
  multi_check_thread(L, multi, "remove_handle");
  multi_remove(multi, easy_check(L, 2));
  if (multi->failed_in_lua)
    multi_rethrow(L, multi);
  lua_settop(L, 1);
  return 1;
}

/*** The next transfer that has ended. It stays in the multi until it is
removed.
@return easy, true; or easy, nil, err; or nil when none has ended
@see curl_multi_info_read(3) */
static int multi_info_read(lua_State *L)
{
  Multi *multi = multi_check(L, 1);
  Easy *easy = multi->finished.first;
  if (easy == NULL && multi->driven.driver == NULL && multi->depth == 0) {
    /* Driven by the caller: nobody has read libcurl's messages yet. */
    CURLMsg *message;
    int left;
    multi_enter(multi);
    while ((message = curl_multi_info_read(multi->handle, &left)) != NULL)
      multi_done(message->easy_handle, message->data.result, multi);
    multi_leave(multi);
    easy = multi->finished.first;
  }
  /* Of a close function, when no call of the program's own drives it. */
  if (multi->failed_in_lua && multi->depth == 0)
    multi_rethrow(L, multi);
  if (easy == NULL) {
    lua_pushnil(L);
    return 1;
  }
  easy_leave_news(easy);
  easy->reported = true;
  easy_push(L, easy);
  if (easy->result == CURLE_OK && !easy->failed_in_lua) {
    lua_pushboolean(L, 1);
    return 2;
  }
  lua_pushnil(L);
  easy_push_error(L, easy, easy->result);
  return 3;
}

/*** Says whether a transfer keeps no loop running any more, since nobody waits for
it.
@param easy core.Easy that is in this multi
@param on boolean */
static int multi_ignore(lua_State *L)
{
  Multi *multi = multi_check(L, 1);
  Easy *easy = easy_check(L, 2);
  bool on = lua_toboolean(L, 3);
  if (easy->multi != multi || !easy->in_multi || easy->uncounted == on)
    return 0;
  easy->uncounted = on;
  if (multi->driven.driver != NULL)
    uvdriver_transfers(multi->driven.driver, on ? -1 : 1);
  return 0;
}

/*** Continues a transfer that a full buffer has paused, or that waited for
more to send.
@param easy core.Easy
@return self */
static int multi_resume(lua_State *L)
{
  Multi *multi = multi_check_idle(L, 1, "resume");
  Easy *easy = easy_check(L, 2);
  multi_check_thread(L, multi, "resume");
  if (easy->multi == multi && easy->in_multi) {
    if (easy->receiver != NULL)
      easy->receiver->paused = false;
    multi_enter(multi);
    /* An error ends the transfer: its message tells. */
    (void)curl_easy_pause(easy->handle, CURLPAUSE_CONT);
    multi_leave(multi);
  }
  lua_settop(L, 1);
  return 1;
}

/* ---- Limits ---- */

enum { LIMIT_FIRST_BYTE, LIMIT_TOTAL, LIMIT_IDLE };

void multi_expect_answer(Multi *multi, Easy *easy)
{
  uint64_t duration = easy->receiver->first_byte_ms;
  if (duration == 0 || multi->deadlines == NULL)
    return;
  deadline_add(multi->deadlines, &easy->first_byte, duration,
               multi_now(multi) + duration);
  if (multi->loop != NULL)
    multi->side->arm(multi->loop);
}

void multi_limit(Multi *multi, Easy *easy, uint64_t duration, uint64_t at)
{
  if (multi->deadlines == NULL)
    return;
  easy->total.kind = LIMIT_TOTAL;
  deadline_add(multi->deadlines, &easy->total, duration, at);
  if (multi->loop != NULL)
    multi->side->arm(multi->loop);
}

void multi_expect_more(Multi *multi, Easy *easy, uint64_t duration)
{
  if (multi->deadlines == NULL || easy->idle.owner != NULL)
    return;
  easy->idle.kind = LIMIT_IDLE;
  deadline_add(multi->deadlines, &easy->idle, duration,
               multi_now(multi) + duration);
  if (multi->loop != NULL)
    multi->side->arm(multi->loop);
}

/* What comes only moves a mark: it is looked at when the time is over. */
static void expire_idle(Deadlines *deadlines, Easy *easy, uint64_t now)
{
  uint64_t duration = easy->idle.duration, due = now;
  if (easy->receiver == NULL || easy->finished)
    return;
  due = easy->receiver->active_ms + duration;
  if (due > now)
    deadline_add(deadlines, &easy->idle, duration, due);
  else
    easy_join_news(easy, easy->multi->news);
}

static void expire(Deadlines *deadlines, Easy *easy, uint64_t now)
{
  Receiver *receiver = easy->receiver;
  uint64_t duration = easy->first_byte.duration, due = now + duration;
  if (receiver == NULL || easy->finished || above_fetch()->is_answered(easy))
    return;
  /* Until it is connected another limit counts. */
  if (receiver->connected)
    due = receiver->active_ms + duration;
  if (due > now) {
    deadline_add(deadlines, &easy->first_byte, duration, due);
    return;
  }
  receiver->late = true;
  easy_join_news(easy, easy->multi->news);
}

static void expire_one(Deadlines *deadlines, Deadline *due, uint64_t now)
{
  Easy *easy;
  switch (due->kind) {
  case LIMIT_TOTAL:                /* who waits for it looks at the time */
    easy = container_of(due, Easy, total);
    easy_join_news(easy, easy->multi->news);
    break;
  case LIMIT_IDLE:
    expire_idle(deadlines, container_of(due, Easy, idle), now);
    break;
  default:
    expire(deadlines, container_of(due, Easy, first_byte), now);
    break;
  }
}

uint64_t multi_expire(Deadlines *deadlines, uint64_t now)
{
  Deadline *due;
  while ((due = deadlines_pop(deadlines, now)) != NULL)
    expire_one(deadlines, due, now);
  return deadlines->earliest;
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
    easy_push(L, easy);
    if (!lua_isnil(L, -1))         /* else collected: nobody asks */
      lua_rawseti(L, 4, ++strays);
    lua_settop(L, 5);
  }
  lua_pushinteger(L, last);
  lua_pushinteger(L, strays);
  return 2;
}

/* ---- Life ---- */

static int multi_gc(lua_State *L)
{
  Multi **box = box_collect(L, multi_type);
  /* In the driving call it is pinned: not freed. */
  if (box != NULL && (*box)->depth == 0)
    multi_shutdown(*box);
  return 0;
}

/*** Takes out all transfers, closes all connections, frees the handle. May be
called again.
@raise in a callback of this multi; what its socket callback raised meanwhile
@see curl_multi_cleanup(3) */
static int multi_close(lua_State *L)
{
  Multi **box = box_collect(L, multi_type);
  if (box == NULL)
    return 0;
  if ((*box)->depth > 0)
    return luaL_error(L, "close: called in a callback of this multi");
  (void)multi_gc(L);
  compat_getuservalue(L, 1);
  lua_getfield(L, -1, "error");
  return lua_isnil(L, -1) ? 0 : lua_error(L);
}

static int multi_tostring(lua_State *L)
{
  Multi **box = box_describe(L, multi_type);
  if (box != NULL)
    lua_pushfstring(L, "multisock.multi (%d transfers) %p", (*box)->added,
                    (void *)*box);
  return 1;
}

/*** Makes a multi handle: a connection pool with transfers.
@param options optional table as for multi:setopt
@return core.Multi; or nil, err
@see curl_multi_init(3) */
int multi_new(lua_State *L)
{
  Multi **box;
  Multi *multi;
  if (!lua_isnoneornil(L, 1))
    luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  box = box_new(L);
  luaL_setmetatable(L, multi_type);
  lua_newtable(L);
  compat_setuservalue(L, 2);
  multi = calloc(1, sizeof *multi);
  if (multi == NULL || (multi->handle = curl_multi_init()) == NULL) {
    free(multi);
    return luaL_error(L, "not enough memory");
  }
  multi->news = &multi->own_news;
  multi->callbacks = callbacks_thread(L);
  (void)curl_multi_setopt(multi->handle, CURLMOPT_MAXCONNECTS,
                          MULTI_MAX_CONNECTS);
  *box = multi;
  multi->box = box;
  lua_rawgetp(L, LUA_REGISTRYINDEX, &registry_key);
  lua_pushvalue(L, 2);
  lua_rawsetp(L, -2, multi);
  lua_pop(L, 1);
  if (lua_istable(L, 1)) {
    lua_getfield(L, 2, "setopt");
    lua_pushvalue(L, 2);
    lua_pushvalue(L, 1);
    lua_call(L, 2, 2);
    if (lua_isnil(L, -2))
      return 2;
  }
  lua_settop(L, 2);
  return 1;
}

static const luaL_Reg methods[] = {
  { "add_handle", multi_add_handle },
  { "remove_handle", multi_remove_handle },
  { "info_read", multi_info_read }, { "resume", multi_resume },
  { "close", multi_close },         { "ignore", multi_ignore },
  { NULL, NULL }
};

static const luaL_Reg metamethods[] = {
  { "__gc", multi_gc },             { "__close", multi_gc },
  { "__tostring", multi_tostring }, { NULL, NULL }
};

/* ---- What easies know of it ---- */

static bool is_busy(const Multi *multi)
{
  return multi->depth > 0;
}

static void add_orphan(Multi *multi)
{
  multi->has_orphans = true;
}

static Ports *ports_of(Multi *multi)
{
  return &multi->ports;
}

static Multi *find(lua_State *L, int idx)
{
  return luaL_testudata(L, idx, multi_type) ? multi_check(L, idx) : NULL;
}

/* Values of the multi, the error: runs under pcall, as it may allocate. */
static int keep_in_values(lua_State *L)
{
  lua_setfield(L, 1, "error");
  return 0;
}

static void keep_error(lua_State *L, Multi *multi)
{
  if (!multi->failed_in_lua) {
    multi->failed_in_lua = true;
    lua_pushcfunction(L, keep_in_values);
    multi_push_values(L, multi);
    lua_pushvalue(L, -3);
    if (lua_pcall(L, 2, 0, 0) != LUA_OK)
      lua_pop(L, 1);
  }
  lua_pop(L, 1);
}

/* ---- What a driver knows of it ---- */

static void enter_driven(void *data)
{
  multi_enter(data);
}

static void leave_driven(void *data)
{
  multi_leave(data);
}

CURLMcode multi_drive(Multi *multi, UvDriver *driver)
{
  multi->driven.handle = multi->handle;
  multi->driven.done = multi_done;
  multi->driven.failed = multi_failed;
  multi->driven.connected = connected;
  multi->driven.enter = enter_driven;
  multi->driven.leave = leave_driven;
  multi->driven.data = multi;
  return uvdriver_add_multi(driver, &multi->driven);
}

/* ---- Its type ---- */

static const MultiSide side = {
  is_busy, multi_enter, multi_leave, multi_detach, add_orphan, ports_of, find,
  keep_error
};

void multi_open(lua_State *L)
{
  above_set_multi(&side);
  if (!compat_newtype(L, multi_type))
    return;
  lua_newtable(L);
  lua_newtable(L);
  lua_pushstring(L, "v");
  lua_setfield(L, -2, "__mode");
  lua_setmetatable(L, -2);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &registry_key);
  luaL_setfuncs(L, metamethods, 0);
  lua_newtable(L);
  luaL_setfuncs(L, methods, 0);
  luaL_setfuncs(L, multi_lua_methods, 0);
  luaL_setfuncs(L, multi_option_methods, 0);
  luaL_setfuncs(L, multi_poll_methods, 0);
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
}
