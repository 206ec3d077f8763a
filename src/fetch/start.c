/* See start.h. */
#include "start.h"

#include "callbacks.h"
#include "error.h"
#include "loop.h"
#include "message.h"
#include "options.h"
#include "quirks.h"
#include "receiver.h"
#include "url.h"

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

static long suitable_buffer(const Easy *easy, const Limiter *limiter)
{
  if (easy->receiver->undecoded && limiter->active <= FEW)
    return BUFFER_LARGE;
  if (limiter->active > MANY && limiter->cleartext && !easy->cleartext_http2 &&
      quirk_large_receive_buffers())
    return BUFFER_SMALL;
  return BUFFER_USUAL;
}

static void choose_buffer(Easy *easy, const Limiter *limiter)
{
  long size = suitable_buffer(easy, limiter);
  long now = easy->buffer_size != 0 ? easy->buffer_size : BUFFER_USUAL;
  if (now == size || now < 0)
    return;
  /* Refused while a buffer is there: then it stays as it is. */
  if (curl_easy_setopt(easy->handle, CURLOPT_BUFFERSIZE, size) == CURLE_OK)
    easy->buffer_size = size;
}

/* Gives the handle the URL of the target at `target`: a parsed one of its own, or
   its text and a parsed one of the same place. */
static CURLcode set_url(lua_State *L, Easy *easy, int target)
{
  CURLcode code;
  lua_getfield(L, target, "url");
  if (lua_isnil(L, -1)) {
    size_t size = 0;
    const char *text;
    lua_getfield(L, target, "sample");
    lua_getfield(L, target, "text");
    text = luaL_checklstring(L, -1, &size);
    code = options_set_url_beside(easy, url_check(L, -2), text, size);
    lua_pop(L, 2);
  }
  else
    code = options_set_url(easy, url_check(L, -1));
  lua_pop(L, 1);
  return code;
}

/* The same, and keeps the target alive: its address tells whether it is the same
   next time. */
static CURLcode set_target(lua_State *L, Easy *easy, int at, int target)
{
  CURLcode code;
  if (easy->target == lua_topointer(L, target))
    return CURLE_OK; /* the same as last time */
  code = set_url(L, easy, target);
  compat_getuservalue(L, at);
  if (code == CURLE_OK && lua_istable(L, -1)) {
    lua_pushvalue(L, target);
    lua_rawseti(L, -2, CURLOPT_CURLU);
    easy->target = lua_topointer(L, target);
  }
  lua_pop(L, 1);
  return code;
}

/* Sends what the handle at `at` has got for a message, unless that has failed: then the
   error is pushed. */
static bool add(lua_State *L, Multi *multi, int at, const Limiter *limiter,
                int target, CURLcode code)
{
  Easy *easy = *(Easy **)lua_touserdata(L, at);
  CURLMcode added = multi->broken;
  if (code == CURLE_OK)
    code = set_target(L, easy, at, target);
  if (code != CURLE_OK) {
    error_push_easy(L, easy, code);
    return false;
  }
  choose_buffer(easy, limiter);
  easy->receiver->multiplexed = limiter->version == VERSION_2;
  if (easy->receiver->heats && !multi->warm)
    multi->driven.cold = true;
  if (added == CURLM_OK)
    added = multi_add_held(multi, easy);
  if (added != CURLM_OK) {
    error_push_multi(L, added);
    return false;
  }
  limiter->client->started++;
  multi_expect_answer(multi, easy);
  return true;
}

bool start_can(const Easy *easy)
{
  const Multi *home = *easy->home;
  return easy->receiver != NULL && !easy->own_sockets && !easy->wildcard &&
         !easy->trailers && !easy->attached && easy->multi == NULL &&
         easy->depth == 0 && home != NULL && home->depth == 0 &&
         (home->loop == NULL || loop_is_of_thread(home->loop));
}

bool start_transfer(lua_State *L, Multi *multi, int at, const Limiter *limiter,
                    int target, int message)
{
  Easy *easy = *(Easy **)lua_touserdata(L, at);
  CURLcode code = message_set(L, easy, at, message, target);
  uint64_t duration, until;
  if (!add(L, multi, at, limiter, target, code))
    return false;
  until = message_deadline(L, message, &duration);
  if (until != 0)
    multi_limit(multi, easy, duration, until);
  return true;
}

bool start_again(lua_State *L, int at, const Limiter *limiter, int target,
                 bool once)
{
  Easy *easy = *(Easy **)lua_touserdata(L, at);
  Multi *multi = *easy->home;
  uint64_t duration;
  CURLcode code = message_repeat(easy, once, &duration);
  if (!add(L, multi, at, limiter, target, code))
    return false;
  if (duration != 0)
    multi_limit(multi, easy, duration, uv_hrtime() / 1000000 + duration + 1);
  return true;
}

/*** Sets the URL and adds the transfer. The caller keeps both handles alive
until it is out again.
@param limiter of the host
@param multi core.Multi
@param easy core.Easy that is collected, and has all other options
@param target table with `url`, a core.Url, or `sample`, one of the same place, and `text`;
and with `web`: whether it is HTTP
@param limits, lines, method, deadline, body, once, size the message: see message.h
@return true; or nil, err */
static int start_in_lua(lua_State *L)
{
  const Limiter *limiter = limiter_check(L, 1);
  Multi *multi = multi_check_idle(L, 2, "start");
  Easy *easy = easy_check(L, 3);
  multi_check_thread(L, multi, "fetch");
  luaL_checktype(L, 4, LUA_TTABLE);
  lua_settop(L, 4 + MESSAGE_COUNT);
  message_check(L, 5);
  if (easy->multi != NULL || easy->receiver == NULL || easy->depth > 0)
    return luaL_error(L, "start: the handle is not ready");
  if (!easy_may_start(L, easy, 3))
    return 2;
  easy_set_driver(easy, multi->driven.driver);
  if (easy->own_sockets || easy->wildcard)
    callbacks_prepare(L, easy, 3, 2);
  if (start_transfer(L, multi, 3, limiter, 4, 5)) {
    lua_pushboolean(L, 1);
    return 1;
  }
  return error_return(L);
}

/* Adds its function to the table on top: core. */
void start_open(lua_State *L)
{
  lua_pushcfunction(L, start_in_lua);
  lua_setfield(L, -2, "start");
}
