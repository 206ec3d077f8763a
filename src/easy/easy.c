/* Easy handles as Lua sees them: options, infos, the blocking perform, and
   their life. The fetch path adds methods of its own. */
#include "easy.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "above.h"
#include "callbacks.h"
#include "error.h"
#include "gathered.h"
#include "info.h"
#include "options.h"
#include "owner.h"
#include "quirks.h"
#include "share.h"
#include "url.h"

const char easy_type[] = "multisock.easy";

const MultiSide *above_multi_side;
const FetchSide *above_fetch_side;

/* Weak table from the address of an Easy to its userdata, so that C finds
   the Lua object without keeping it alive. */
static const char registry_key;

/* Slots of the value table: a callback's error waits in the one, the other
   tells where the last one came from. */
#define ERROR_SLOT "error"
#define TRACEBACK_SLOT "traceback"

/* ---- Finding Lua objects ---- */

Easy *easy_check(lua_State *L, int idx)
{
  Easy **box = box_check(L, idx, easy_type);
  if (*box == NULL)
    luaL_argerror(L, idx, "easy handle is closed");
  return *box;
}

void easy_push(lua_State *L, const Easy *easy)
{
  lua_rawgetp(L, LUA_REGISTRYINDEX, &registry_key);
  lua_rawgetp(L, -1, easy);
  lua_remove(L, -2);
}

void easy_push_values(lua_State *L, const Easy *easy)
{
  easy_push(L, easy);
  if (lua_isnil(L, -1))
    return;
  compat_getuservalue(L, -1);
  lua_remove(L, -2);
}

/* ---- Home ---- */

#define HOME_SLOT "home"

void easy_set_home(lua_State *L, int self, int multi)
{
  Easy *easy = *(Easy **)lua_touserdata(L, self);
  if (easy->home == lua_touserdata(L, multi))
    return;
  compat_getuservalue(L, self);
  lua_pushvalue(L, multi);
  lua_setfield(L, -2, HOME_SLOT);
  lua_pop(L, 1);
  easy->home = lua_touserdata(L, multi);
}

/* ---- News: a doubly linked list, so that leaving it is O(1) ---- */

void easy_join_news(Easy *easy, News *news)
{
  if (easy->news != NULL)
    return;
  easy->news = news;
  easy->news_next = NULL;
  easy->news_previous = news->last;
  if (news->last != NULL)
    news->last->news_next = easy;
  else
    news->first = easy;
  news->last = easy;
}

void easy_leave_news(Easy *easy)
{
  News *news = easy->news;
  if (news == NULL)
    return;
  if (easy->news_previous != NULL)
    easy->news_previous->news_next = easy->news_next;
  else
    news->first = easy->news_next;
  if (easy->news_next != NULL)
    easy->news_next->news_previous = easy->news_previous;
  else
    news->last = easy->news_previous;
  easy->news = NULL;
}

/* ---- Errors of callbacks ---- */

/* Values of the easy, the error: runs under pcall, as it may allocate. */
static int keep_in_values(lua_State *L)
{
  lua_setfield(L, 1, ERROR_SLOT);
  error_push_traceback(L);
  lua_setfield(L, 1, TRACEBACK_SLOT);
  return 0;
}

void easy_keep_error(lua_State *L, Easy *easy)
{
  easy->failed_in_lua = true;
  easy_push_values(L, easy);
  if (lua_istable(L, -1)) {
    lua_pushcfunction(L, keep_in_values);
    lua_insert(L, -2);
    lua_pushvalue(L, -3);
    if (lua_pcall(L, 2, 0, 0) == LUA_OK)
      lua_pushnil(L);              /* in place of the message */
  }
  lua_pop(L, 2);
}

void easy_show_error(lua_State *L, Easy *easy, CURLcode code)
{
  if (!easy->failed_in_lua) {
    error_push_easy(L, easy, code);
    return;
  }
  easy_push_values(L, easy);
  lua_getfield(L, -1, ERROR_SLOT);
  lua_remove(L, -2);
}

void easy_drop_error(lua_State *L, Easy *easy)
{
  if (!easy->failed_in_lua)
    return;
  easy->failed_in_lua = false;
  easy_push_values(L, easy);
  lua_pushnil(L);
  lua_setfield(L, -2, ERROR_SLOT);
  lua_pop(L, 1);
}

void easy_push_error(lua_State *L, Easy *easy, CURLcode code)
{
  easy_show_error(L, easy, code);
  easy_drop_error(L, easy);
}

/* ---- Life ---- */

/* Whether the transfer has a connection of HTTP/1 that had been there before. */
static bool reuses_http1(const Easy *easy)
{
  const char *scheme = NULL;
  long connects = 0;
  (void)curl_easy_getinfo(easy->handle, CURLINFO_NUM_CONNECTS, &connects);
  (void)curl_easy_getinfo(easy->handle, CURLINFO_SCHEME, &scheme);
  return connects == 0 && scheme != NULL &&
         (strcasecmp(scheme, "http") == 0
            ? !easy->cleartext_http2
            : easy->http1_only && strcasecmp(scheme, "https") == 0);
}

bool easy_use(Easy *easy, const char *peer, int peer_port, int local_port)
{
  UvPlace place = { peer, peer_port, local_port, easy->max_idle };
  if (easy->driver != NULL)
    return uvdriver_use(easy->driver, &easy->use, &place);
  return easy->multi == NULL || !quirk_reuses_talking() ||
         !reuses_http1(easy) ||
         ports_check(above_multi()->ports(easy->multi), local_port);
}

bool easy_hang_up(Easy *easy, int local_port)
{
  if (easy->driver != NULL)
    return uvdriver_hang_up(&easy->use);
  return easy->multi != NULL &&
         ports_hang_up(above_multi()->ports(easy->multi), local_port);
}

/* One that must not be used was shut down: libcurl takes another. */
static int on_prereq(void *data, char *peer, char *local, int peer_port,
                     int local_port)
{
  (void)local;
  (void)easy_use(data, peer, peer_port, local_port);
  return CURL_PREREQFUNC_OK;
}

void easy_set_prereq(Easy *easy)
{
  (void)curl_easy_setopt(easy->handle, CURLOPT_PREREQFUNCTION, on_prereq);
  (void)curl_easy_setopt(easy->handle, CURLOPT_PREREQDATA, easy);
}

/* Whether the other end has nothing to say until it is asked again. */
static bool is_http1(Easy *easy)
{
  long version = 0, status = 0;
  (void)curl_easy_getinfo(easy->handle, CURLINFO_HTTP_VERSION, &version);
  if (version != CURL_HTTP_VERSION_1_1 && version != CURL_HTTP_VERSION_1_0)
    return false;
  (void)curl_easy_getinfo(easy->handle, CURLINFO_RESPONSE_CODE, &status);
  return status != 101;
}

/* Whether its connection has failed, and nobody else uses it. */
static bool leaves_broken(const Easy *easy)
{
  return easy->finished && easy->use.previous == NULL &&
         easy->use.next == NULL &&
         (easy->result == CURLE_HTTP2 || easy->result == CURLE_RECV_ERROR ||
          easy->result == CURLE_SEND_ERROR);
}

void easy_unuse(Easy *easy)
{
  bool http1;
  if (easy->use.watch == NULL)
    return;
  http1 = is_http1(easy);
  if (!http1 && quirk_h2_keeps_broken() && leaves_broken(easy))
    (void)uvdriver_hang_up(&easy->use);
  uvdriver_unuse(&easy->use, http1,
                 easy->receiver == NULL || easy->receiver->received == 0);
}

void easy_set_basics(Easy *easy)
{
  CURL *handle = easy->handle;
  /* These cannot fail on the versions that build, but QUICK_EXIT, which
     7.86 and older do not know: there a cancel may wait for the resolver. */
  (void)curl_easy_setopt(handle, CURLOPT_PRIVATE, easy);
  (void)curl_easy_setopt(handle, CURLOPT_ERRORBUFFER, easy->message);
  (void)curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
  (void)curl_easy_setopt(handle, CURLOPT_NOPROGRESS, 1L);
  easy_set_prereq(easy);
#if LIBCURL_VERSION_NUM >= 0x075700
  (void)curl_easy_setopt(handle, CURLOPT_QUICK_EXIT, 1L);
#endif
  easy->driver = NULL;
  easy->own_sockets = easy->wildcard = easy->related = false;
  easy->shows_progress = false;
}

void easy_set_driver(Easy *easy, UvDriver *driver)
{
  if (easy->driver == driver)
    return;
  easy->driver = driver;
  if (driver != NULL) {
    uvdriver_prepare_easy(driver, easy->handle);
    return;
  }
  /* Sockets of its own would outlive the driver. */
  (void)curl_easy_setopt(easy->handle, CURLOPT_OPENSOCKETFUNCTION, NULL);
  (void)curl_easy_setopt(easy->handle, CURLOPT_CLOSESOCKETFUNCTION, NULL);
}

void easy_destroy(Easy *easy)
{
  easy_leave_news(easy);
  /* Cleaning up may call the header, debug and close callbacks. */
  if (easy->handle != NULL) {
    callbacks_silence(easy);
    curl_easy_cleanup(easy->handle);
  }
  options_free_lists(easy);
  share_release(easy->share);
  if (easy->receiver != NULL)
    above_fetch()->free(easy->receiver);
  free(easy);
}

/* Whether libcurl works on its multi. */
static bool is_busy(const Easy *easy)
{
  return easy->multi != NULL && above_multi()->is_busy(easy->multi);
}

static void forget(lua_State *L, const Easy *easy)
{
  lua_rawgetp(L, LUA_REGISTRYINDEX, &registry_key);
  if (lua_istable(L, -1)) {
    lua_pushnil(L);
    lua_rawsetp(L, -2, easy);
  }
  lua_pop(L, 1);
}

/* A finalizer calls no Lua, and never raises. A handle whose own callback is
   running is only marked; whoever called libcurl ends it. */
static int easy_gc(lua_State *L)
{
  Easy **box = box_collect(L, easy_type);
  Easy *easy;
  if (box == NULL)
    return 0;
  easy = *box;
  *box = NULL;
  forget(L, easy);
  easy_leave_waiting(L, easy);
  easy->orphan = true;
  if (is_busy(easy)) {
    easy_leave_news(easy);
    above_multi()->add_orphan(easy->multi);
    return 0;                      /* leaving it buries the easy */
  }
  if (easy->multi != NULL)
    above_multi()->detach(easy);
  if (easy->depth == 0)
    easy_destroy(easy);            /* else perform does */
  return 0;
}

/*** Ends the transfer and frees the handle. May be called again, at any time,
and in a callback of the handle itself, whose transfer then fails. Outside of
callbacks it gives HSTS entries to hstswritefunction, and the handle's own
connections to closesocketfunction.
@raise what these two raised; the handle is closed then, too
@see curl_easy_cleanup(3) */
static int easy_close(lua_State *L)
{
  Easy **box = box_collect(L, easy_type);
  Easy *easy = box != NULL ? *box : NULL;
  bool failed;
  if (easy == NULL || easy->depth > 0 || is_busy(easy))
    return easy_gc(L);
  lua_settop(L, 1);
  *box = NULL;                     /* closed for what is called below */
  if (easy->multi != NULL) {
    easy->orphan = true;
    above_multi()->detach(easy);
    easy->orphan = false;
  }
  easy->failed_in_lua = false;
  callbacks_silence(easy);
  callbacks_allow_save(L, easy);
  curl_easy_cleanup(easy->handle);
  easy->handle = NULL;
  failed = easy->failed_in_lua;
  if (failed)
    easy_push_error(L, easy, CURLE_OK);
  forget(L, easy);
  easy_leave_waiting(L, easy);
  easy_destroy(easy);
  return failed ? lua_error(L) : 0;
}

/* Applies a table of options; false with an error object pushed. */
static bool set_table(lua_State *L, Easy *easy, int self, int table)
{
  lua_pushnil(L);
  while (lua_next(L, table) != 0) {
    int value = lua_gettop(L);
    if (!options_set(L, easy, self, value - 1, value))
      return false;
    lua_settop(L, value - 1);
  }
  return true;
}

Easy *easy_wrap(lua_State *L, CURL *handle)
{
  Easy **box = box_new(L);
  Easy *easy;
  luaL_setmetatable(L, easy_type);
  lua_newtable(L);
  compat_setuservalue(L, -2);
  easy = calloc(1, sizeof *easy);
  if (easy != NULL)
    easy->handle = handle != NULL ? handle : curl_easy_init();
  if (easy == NULL || easy->handle == NULL) {
    free(easy);
    luaL_error(L, "not enough memory");
  }
  easy->callbacks = callbacks_thread(L);
  easy->max_idle = EASY_MAX_IDLE;
  lua_rawgetp(L, LUA_REGISTRYINDEX, &registry_key);
  lua_pushvalue(L, -2);
  lua_rawsetp(L, -2, easy);
  lua_pop(L, 1);
  *box = easy;
  /* Neither can fail. */
  (void)curl_easy_setopt(easy->handle, CURLOPT_PRIVATE, easy);
  (void)curl_easy_setopt(easy->handle, CURLOPT_ERRORBUFFER, easy->message);
  (void)curl_easy_setopt(easy->handle, CURLOPT_PREREQDATA, easy);
  return easy;
}

void easy_disown(Easy *easy)
{
  lua_State *L = easy->callbacks;
  easy_push(L, easy);
  if (!lua_isnil(L, -1))
    *(Easy **)lua_touserdata(L, -1) = NULL;
  lua_pop(L, 1);
  callbacks_silence(easy);
  (void)curl_easy_setopt(easy->handle, CURLOPT_PRIVATE, NULL);
  (void)curl_easy_setopt(easy->handle, CURLOPT_ERRORBUFFER, NULL);
  options_free_lists(easy);
  free(easy);
}

/*** Makes an easy handle.
@param options optional table of options by name
@return core.Easy; or nil, err when libcurl refuses an option
@raise on an unknown option or a value of the wrong type
@see curl_easy_init(3) */
int easy_new(lua_State *L)
{
  Easy *easy;
  if (!lua_isnoneornil(L, 1))
    luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  easy = easy_wrap(L, NULL);
  easy_set_basics(easy);
  if (lua_istable(L, 1) && !set_table(L, easy, 2, 1)) {
    lua_pushnil(L);
    lua_insert(L, -2);
    return 2;
  }
  lua_settop(L, 2);
  return 1;
}

/* ---- Calls into libcurl that are no transfer ---- */

void easy_enter(lua_State *L, Easy *easy, const char *what)
{
  if (easy->depth > 0 || is_busy(easy))
    luaL_error(L, "%s: called in a callback of the handle or its multi",
               what);
  if (easy->multi != NULL)
    above_multi()->enter(easy->multi);
  else
    easy->failed_in_lua = false;   /* in a multi it waits for info_read */
  easy->depth++;
  easy->message[0] = '\0';
}

bool easy_leave(Easy *easy)
{
  bool alive = !easy->orphan;
  struct Multi *multi = easy->multi;
  easy->depth--;
  if (multi != NULL)
    above_multi()->leave(multi);   /* frees an orphan */
  else if (!alive)
    easy_destroy(easy);
  return alive;
}

int easy_push_closed(lua_State *L)
{
  lua_pushnil(L);
  error_push_kind(L, "cancelled", "the handle was closed in a callback");
  return 2;
}

/* ---- Methods ---- */

/* A running transfer reads its lists and bodies at any time: replacing one
   would free it under libcurl. */
static Easy *check_settable(lua_State *L)
{
  Easy *easy = easy_check(L, 1);
  if ((easy->depth > 0 && !easy->offered) ||
      (easy->in_multi && !easy->finished))
    luaL_error(L, "setopt: the transfer is running");
  return easy;
}

static int fail(lua_State *L)
{
  lua_pushnil(L);
  lua_insert(L, -2);
  return 2;
}

/*** Sets options. What libcurl refuses is returned, not raised.
@param name option, or a table of options and values
@param value nil: back to the default
@return self; or nil, err
@raise on an unknown name, a wrong type, zero bytes or line breaks where they
would change the request
@see curl_easy_setopt(3) */
static int easy_setopt(lua_State *L)
{
  Easy *easy = check_settable(L);
  bool set;
  if (lua_istable(L, 2)) {
    lua_settop(L, 2);
    set = set_table(L, easy, 1, 2);
  }
  else {
    luaL_checkany(L, 3);
    lua_settop(L, 3);
    set = options_set(L, easy, 1, 2, 3);
  }
  if (!set)
    return fail(L);
  lua_settop(L, 1);
  return 1;
}

/*** Sets an option back to its default.
@return self; or nil, err */
static int easy_unsetopt(lua_State *L)
{
  Easy *easy = check_settable(L);
  lua_settop(L, 2);
  lua_pushnil(L);
  if (!options_set(L, easy, 1, 2, 3))
    return fail(L);
  lua_settop(L, 1);
  return 1;
}

/*** What libcurl knows of the transfer.
@param name info, such as "response_code" or "total_time"
@return its value, nil where there is none; or nil, err when this libcurl
lacks it
@see curl_easy_getinfo(3) */
static int easy_getinfo(lua_State *L)
{
  Easy *easy = easy_check(L, 1);
  lua_settop(L, 2);
  return info_push(L, easy, 2) ? 1 : fail(L);
}

bool easy_is_file(const Easy *easy)
{
  const char *scheme = NULL;
  (void)curl_easy_getinfo(easy->handle, CURLINFO_SCHEME, &scheme);
  return scheme != NULL && strcasecmp(scheme, "file") == 0;
}

/* By its URL, before libcurl has seen it. */
static bool is_websocket(const Easy *easy)
{
  const char *url = NULL;
  char *scheme = NULL;
  bool is;
  if (easy->url == NULL) {
    (void)curl_easy_getinfo(easy->handle, CURLINFO_EFFECTIVE_URL, &url);
    return url != NULL && (strncasecmp(url, "ws:", 3) == 0 ||
                           strncasecmp(url, "wss:", 4) == 0);
  }
  if (curl_url_get(easy->url->handle, CURLUPART_SCHEME, &scheme, 0) !=
      CURLUE_OK)
    return false;
  is = strcmp(scheme, "ws") == 0 || strcmp(scheme, "wss") == 0;
  curl_free(scheme);
  return is;
}

bool easy_may_start(lua_State *L, const Easy *easy, int self)
{
  const char *reason = NULL;
  /* libcurl would lose the connection, open as it is. */
  if (easy->attached)
    reason = "the handle's connection is in use by send and recv: close the "
             "handle, and make another one";
  else if (easy->trailers)
    reason = callbacks_refuse_trailers(L, easy, self);
  /* What the guard would have libcurl write would be frames there. */
  else if (easy->performed && quirk_folded_first_line() && is_websocket(easy))
    reason = "with libcurl before 8.1 a handle that has been used cannot open "
             "a WebSocket: make another one";
  if (reason == NULL)
    return true;
  lua_pushnil(L);
  error_push_kind(L, "curl", reason);
  return false;
}

/*** Runs the transfer to its end; nothing else runs meanwhile.
@return true; or nil, err, where err is what a callback raised
@see curl_easy_perform(3) */
static int easy_perform(lua_State *L)
{
  Easy *easy = easy_check(L, 1);
  lua_State *own;
  CURLcode code;
  if (easy->multi != NULL)
    return luaL_error(L, "perform: the handle is in a multi");
  if (easy->depth > 0)
    return luaL_error(L, "perform: called in a callback of the handle");
  if (!easy_may_start(L, easy, 1))
    return 2;
  easy_set_driver(easy, NULL);
  if (easy->own_sockets || easy->wildcard)
    callbacks_prepare(L, easy, 1, 1);
  if (easy->receiver != NULL)
    above_fetch()->begin(easy);
  else
    callbacks_guard_head(L, easy, 1);
  easy->message[0] = '\0';
  easy->failed_in_lua = easy->connected = false;
  easy->depth++;
  /* The caller waits in this call: until it returns, callbacks may run on its
     coroutine, so that they and their tracebacks know who that is. */
  own = easy->callbacks;
  easy->callbacks = L;
  code = curl_easy_perform(easy->handle);
  easy->callbacks = own;
  easy->depth--;
  if (easy->orphan) {
    easy_destroy(easy);
    return easy_push_closed(L);
  }
  if (code == CURLE_OK && !easy->failed_in_lua) {
    lua_pushboolean(L, 1);
    return 1;
  }
  easy_push_error(L, easy, code);
  return fail(L);
}

/*** Sets all options back to their defaults; connections, the TLS session
cache and cookies stay.
@return self
@raise while the handle is in a multi
@see curl_easy_reset(3) */
static int easy_reset(lua_State *L)
{
  Easy *easy = easy_check(L, 1);
  if (easy->multi != NULL || easy->depth > 0)
    return luaL_error(L, "reset: the transfer is running");
  lua_settop(L, 1);
  if (easy->related)
    options_unrelate(L, 1);
  options_reset(easy);
  options_free_lists(easy);
  lua_newtable(L);
  compat_getuservalue(L, 1);
  callbacks_keep_sockets(L, 3, 2);
  lua_getfield(L, 3, HOME_SLOT);
  lua_setfield(L, 2, HOME_SLOT);
  lua_settop(L, 2);
  compat_setuservalue(L, 1);
  easy_set_basics(easy);
  easy->failed_in_lua = easy->worn = false;
  easy->profile = 0;
  easy->cleartext_http2 = easy->http1_only = easy->connect_only = false;
  easy->buffer_size = 0;
  easy->target = NULL;
  easy->out = NULL;
  easy->drops_body = false;
  memset(&easy->guard, 0, sizeof easy->guard);
  if (easy->receiver != NULL)
    (void)above_fetch()->attach(easy);   /* it has its memory already */
  lua_settop(L, 1);
  return 1;
}

/*** Pauses or continues directions of a transfer.
@param mask integer of core.PAUSE_RECV, PAUSE_SEND, PAUSE_ALL, PAUSE_CONT
@return self; or nil, err
@raise in a callback of its multi that is not one of its own
@see curl_easy_pause(3) */
static int easy_pause(lua_State *L)
{
  Easy *easy = easy_check(L, 1);
  struct Multi *multi = easy->multi;
  int mask = (int)luaL_checkinteger(L, 2);
  CURLcode code;
  if (is_busy(easy) && easy->depth == 0)
    return luaL_error(L, "pause: called in a callback of this multi; do it "
                      "after the driving call has returned");
  if (multi != NULL)
    above_multi()->enter(multi);
  code = curl_easy_pause(easy->handle, mask);
  if (multi != NULL)
    above_multi()->leave(multi);
  lua_settop(L, 1);
  /* What was paused arrives inside that call, and may have closed it. */
  (void)easy_check(L, 1);
  if (code == CURLE_OK)
    return 1;
  error_push_easy(L, easy, code);
  return fail(L);
}

/*** Where the callback that raised last did so.
@return string, a traceback; nil when none has raised */
static int easy_traceback(lua_State *L)
{
  (void)easy_check(L, 1);
  compat_getuservalue(L, 1);
  lua_getfield(L, -1, TRACEBACK_SLOT);
  return 1;
}

static int easy_tostring(lua_State *L)
{
  Easy **box = box_describe(L, easy_type);
  if (box == NULL)
    return 1;
  lua_pushfstring(L, "multisock.easy (%s) %p",
                  (*box)->multi == NULL ? "idle"
                                        : (*box)->finished ? "finished"
                                                           : "in a multi",
                  (void *)*box);
  return 1;
}

static const luaL_Reg methods[] = {
  { "setopt", easy_setopt },     { "unsetopt", easy_unsetopt },
  { "getinfo", easy_getinfo },   { "perform", easy_perform },
  { "reset", easy_reset },       { "pause", easy_pause },
  { "close", easy_close },       { "traceback", easy_traceback },
  { "duphandle", easy_duphandle }, { "twin", easy_twin },
  { NULL, NULL }
};

static const luaL_Reg metamethods[] = {
  { "__gc", easy_gc },           { "__close", easy_close },
  { "__tostring", easy_tostring }, { NULL, NULL }
};

static void open_registry(lua_State *L)
{
  lua_newtable(L);
  lua_newtable(L);
  lua_pushstring(L, "v");
  lua_setfield(L, -2, "__mode");
  lua_setmetatable(L, -2);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &registry_key);
}

/*** How many easy handles are alive, for leak checks.
@return integer */
int easy_count(lua_State *L)
{
  lua_Integer count = 0;
  lua_rawgetp(L, LUA_REGISTRYINDEX, &registry_key);
  lua_pushnil(L);
  while (lua_next(L, -2) != 0) {
    count++;
    lua_pop(L, 1);
  }
  lua_pushinteger(L, count);
  return 1;
}

void easy_open(lua_State *L)
{
  if (!compat_newtype(L, easy_type))
    return;
  open_registry(L);
  luaL_setfuncs(L, metamethods, 0);
  lua_newtable(L);
  luaL_setfuncs(L, methods, 0);
  luaL_setfuncs(L, easy_io_methods, 0);
  luaL_setfuncs(L, easy_header_methods, 0);
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
}
