/* The life of an easy handle: how Lua and C find it, how it begins, is reset
   and ends, also while libcurl works on it. */
#include "easy.h"

#include <stdlib.h>
#include <string.h>

#include "above.h"
#include "callbacks.h"
#include "error.h"
#include "fields.h"
#include "options.h"
#include "owner.h"
#include "share.h"

const char easy_type[] = "multisock.easy";

const MultiSide *above_multi_side;
const FetchSide *above_fetch_side;

/* Weak table from the address of an Easy to its userdata, so that C finds
   the Lua object without keeping it alive. */
static const char registry_key;

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

/* ---- Life ---- */

bool easy_is_busy(const Easy *easy)
{
  return easy->multi != NULL && above_multi()->is_busy(easy->multi);
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
  easy_leave_ready(easy);
  /* Cleaning up may call the header, debug and close callbacks. */
  if (easy->handle != NULL) {
    callbacks_silence(easy);
    curl_easy_cleanup(easy->handle);
  }
  options_free_lists(easy);
  share_release(easy->share);
  if (easy->receiver != NULL)
    above_fetch()->free(easy->receiver);
  message_give(easy->message);
  free(easy);
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
  if (easy_is_busy(easy)) {
    easy_leave_ready(easy);
    above_multi()->add_orphan(easy->multi);
    return 0; /* leaving it buries the easy */
  }
  if (easy->multi != NULL)
    above_multi()->detach(easy);
  if (easy->depth == 0)
    easy_destroy(easy); /* else perform does */
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
  if (easy == NULL || easy->depth > 0 || easy_is_busy(easy))
    return easy_gc(L);
  lua_settop(L, 1);
  *box = NULL; /* closed for what is called below */
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

Easy *easy_wrap(lua_State *L, CURL *handle)
{
  Easy **box = box_new(L);
  Easy *easy;
  luaL_setmetatable(L, easy_type);
  lua_newtable(L);
  compat_setuservalue(L, -2);
  easy = calloc(1, sizeof *easy);
  if (easy != NULL && (easy->message = message_take()) != NULL)
    easy->handle = handle != NULL ? handle : curl_easy_init();
  if (easy == NULL || easy->handle == NULL) {
    if (easy != NULL)
      message_give(easy->message);
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
  message_give(easy->message);
  free(easy);
}

/*** Makes an easy handle.
@param options? table of options by name
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
  if (lua_istable(L, 1) && !options_set_all(L, easy, 2, 1))
    return error_return(L);
  lua_settop(L, 2);
  return 1;
}

/* ---- Calls into libcurl that are no transfer ---- */

void easy_enter(lua_State *L, Easy *easy, const char *what)
{
  if (easy->depth > 0 || easy_is_busy(easy))
    luaL_error(L, "%s: called in a callback of the handle or its multi", what);
  if (easy->multi != NULL)
    above_multi()->enter(easy->multi);
  else
    easy->failed_in_lua = false; /* in a multi it waits for info_read */
  easy->depth++;
  message_clear(easy->message);
}

bool easy_leave(Easy *easy)
{
  bool alive = !easy->orphan;
  struct Multi *multi = easy->multi;
  easy->depth--;
  if (multi != NULL)
    above_multi()->leave(multi); /* frees an orphan */
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
  easy->failed_in_lua = easy->needs_reset = false;
  easy->profile = 0;
  easy->cleartext_http2 = easy->http1_only = easy->connect_only = false;
  easy->buffer_size = 0;
  easy->target = NULL;
  easy->out = NULL;
  easy->drops_body = false;
  memset(&easy->guard, 0, sizeof easy->guard);
  if (easy->receiver != NULL)
    (void)above_fetch()->attach(easy); /* it has its memory already */
  lua_settop(L, 1);
  return 1;
}

static int easy_tostring(lua_State *L)
{
  Easy **box = box_describe(L, easy_type);
  if (box == NULL)
    return 1;
  lua_pushfstring(L, "multisock.easy (%s) %p",
                  (*box)->multi == NULL ? "idle"
                  : (*box)->finished    ? "finished"
                                        : "in a multi",
                  (void *)*box);
  return 1;
}

static const luaL_Reg life_methods[] = {
  { "reset", easy_reset },
  { "close", easy_close },
  { "duphandle", easy_duphandle },
  { "clone", easy_clone },
  { NULL, NULL },
};

static const luaL_Reg metamethods[] = {
  { "__gc", easy_gc },
  { "__close", easy_close },
  { "__tostring", easy_tostring },
  { NULL, NULL },
};

static void open_registry(lua_State *L)
{
  push_weak_table(L, "v");
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
  luaL_setfuncs(L, life_methods, 0);
  luaL_setfuncs(L, easy_methods, 0);
  luaL_setfuncs(L, easy_io_methods, 0);
  luaL_setfuncs(L, easy_header_methods, 0);
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
}
