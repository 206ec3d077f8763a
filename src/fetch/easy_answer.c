/* The methods of easy handles that tell what became of a request: its status, or why
   there is none. transfer.lua and stream.lua call them. */
#include "error.h"
#include "fields.h"
#include "receiver.h"

#include <uv.h>

/* Says in the error on top what is larger than allowed. */
static void name_excess(lua_State *L, const Receiver *receiver)
{
  if (receiver->excess[0] != 'b')
    lua_pushfstring(L, "the %s are larger than allowed (max_headers)",
                    receiver->excess);
  else if (receiver->no_pause && receiver->status == 0)
    lua_pushliteral(L, "the file is larger than max_body, and a file: URL "
                       "is read at once; use io.open");
  else if (receiver->no_pause && !receiver->buffering)
    lua_pushfstring(L,
                    "the body was read too slowly: libcurl %s cannot "
                    "pause HTTP/2; use http_version = \"1.1\" or a larger "
                    "max_body",
                    curl_version_info(CURLVERSION_NOW)->version);
  else
    lua_pushfstring(L, "the body is larger than max_body (" INTEGER " bytes)",
                    INTEGER_VALUE(receiver->max_body));
  lua_setfield(L, -2, "message");
  field_boolean(L, "retryable", false);
}

static void push_reason(lua_State *L, Easy *easy)
{
  const Receiver *receiver = easy->receiver;
  easy_show_error(L, easy, easy->result);
  if (!lua_istable(L, -1))
    return;
  if (receiver->invalid != NULL)
    field_string(L, "message", receiver->invalid);
  else if (receiver->restarted) {
    field_string(L, "message", "the server broke off its answer");
    field_boolean(L, "retryable", true);
  }
  else if (receiver->body_gone) {
    lua_pushfstring(L, "%s, and the body cannot be sent again from its start",
                    receiver->heard ? "the server asks for the request again"
                                    : "the connection was closed before an "
                                      "answer came");
    lua_setfield(L, -2, "message");
    field_boolean(L, "retryable", !receiver->heard);
  }
  else if (receiver->excess != NULL)
    name_excess(L, receiver);
}

/* Adds to the error on top what is known of repetitions. */
static void add_tries(lua_State *L, const Easy *easy)
{
  field_integer(L, "attempts", repeat_attempts(easy));
  if (repeat_has_died(easy)) {
    field_string(L, "message",
                 "the connection was closed before an answer came");
    field_boolean(L, "retryable", easy->receiver->died);
  }
  if (repeat_is_risky(easy)) {
    field_boolean(L, "retryable", false);
  }
}

/* What a callback has raised is the error as it is, but nil or false would not
   look like one. */
static void push_failure(lua_State *L, Easy *easy)
{
  push_reason(L, easy);
  if (lua_istable(L, -1))
    add_tries(L, easy);
  else if (!lua_toboolean(L, -1)) {
    const char *message =
        lua_isnil(L, -1) ? "a callback raised nil" : "a callback raised false";
    lua_pop(L, 1);
    error_push_kind(L, "curl", message);
    add_tries(L, easy);
  }
}

static bool has_arrived(const Easy *easy)
{
  if (!easy->finished)
    return receiver_is_whole(easy);
  return easy->result == CURLE_OK && !easy->failed_in_lua;
}

/*** What has become of the request.
@return false while its answer is not there, and whether it is late (see gather);
status, done when the final headers are, with done true when the whole body
arrived well too; or nil, err when it failed before them */
static int easy_answer(lua_State *L)
{
  Easy *easy;
  Receiver *receiver = receiver_check(L, &easy);
  bool well = has_arrived(easy);
  if (!receiver_answered(easy) && !easy->finished) {
    lua_pushboolean(L, 0);
    lua_pushboolean(L, receiver->late);
    return 2;
  }
  if (!receiver_answered(easy) && !well) {
    lua_pushnil(L);
    push_failure(L, easy);
    return 2;
  }
  /* Protocols without headers, such as file:, answer by ending. */
  if (receiver->stage < STAGE_BODY)
    receiver->stage = STAGE_BODY;
  lua_pushinteger(L, receiver->status);
  lua_pushboolean(L, well);
  return 2;
}

/*** Whether no more can arrive.
@return false while it can, true after a good end; or nil, err */
static int easy_ended(lua_State *L)
{
  Easy *easy;
  bool well;
  (void)receiver_check(L, &easy);
  well = has_arrived(easy);
  lua_pushnil(L);
  if (easy_push_coded_failure(L, easy, well))
    return 2;
  if (!easy->finished && !well) {
    lua_pushboolean(L, 0);
    return 1;
  }
  if (well) {
    lua_pushboolean(L, 1);
    return 1;
  }
  push_failure(L, easy);
  return 2;
}

/*** After 101: whether the other end sends no more. libcurl waits for the end of the
upload then.
@return boolean */
static int easy_hung_up(lua_State *L)
{
  Easy *easy;
  lua_pushboolean(L, receiver_check(L, &easy)->hung_up);
  return 1;
}

/*** Whether its bytes came too early.
@return seconds until it has to be resumed; nil when they did not */
static int easy_early(lua_State *L)
{
  Easy *easy;
  const Receiver *receiver = receiver_check(L, &easy);
  uint64_t now = uv_hrtime() / 1000, due = receiver->pace.due;
  if (receiver->early)
    lua_pushnumber(L, due > now ? (lua_Number)(due - now) / 1e6 : 0);
  else
    lua_pushnil(L);
  return 1;
}

/*** Whether the server wants this request in HTTP/1.1, and it failed because its
multi must not get such a connection: libcurl before 8.5 mixes up what runs on
connections of both kinds.
@return boolean */
static int easy_demanded_http1(lua_State *L)
{
  Easy *easy;
  lua_pushboolean(L, receiver_check(L, &easy)->demanded_http1);
  return 1;
}

/*** Whether the answer named a version of HTTP that was not spoken: what its multi
knows of the server is wrong then.
@return boolean */
static int easy_lied(lua_State *L)
{
  Easy *easy;
  lua_pushboolean(L, receiver_check(L, &easy)->lied);
  return 1;
}

/*** Whether a kept connection has died before an answer, libcurl has not sent the
request again, and that may be done once.
@return boolean */
static int easy_repeat_due(lua_State *L)
{
  Easy *easy;
  (void)receiver_check(L, &easy);
  lua_pushboolean(L, repeat_is_due(easy));
  return 1;
}

/*** Whether it failed because it would have had to look up a name (see gather
"asks").
@return boolean */
static int easy_denied(lua_State *L)
{
  Easy *easy;
  lua_pushboolean(L, receiver_check(L, &easy)->denied);
  return 1;
}

/*** Whether it failed because the process could open no file.
@return boolean */
static int easy_lacks_files(lua_State *L)
{
  lua_pushboolean(L, easy_check(L, 1)->lacking != 0);
  return 1;
}

/*** The HTTP version in which the request was sent, when it was asked for
(gather "version"): known long before an answer.
@return "1" "2" or "3"; nil while it is not known */
static int easy_version(lua_State *L)
{
  Easy *easy;
  const Receiver *receiver = receiver_check(L, &easy);
  if (receiver->version == 0)
    lua_pushnil(L);
  else
    lua_pushlstring(L, &receiver->version, 1);
  return 1;
}

/*** How far sending is.
@return connected (boolean), sent (boolean: all of the request) */
static int easy_sent(lua_State *L)
{
  Easy *easy;
  const Receiver *receiver = receiver_check(L, &easy);
  lua_pushboolean(L, receiver->connected);
  lua_pushboolean(L, receiver->connected && !error_is_sending(easy));
  return 2;
}

/*** Where the transfer is.
@return "resolve" "connect" "tls" "send" "wait" or "receive" */
static int easy_phase(lua_State *L)
{
  Easy *easy;
  (void)receiver_check(L, &easy);
  lua_pushstring(L, error_phase(easy));
  return 1;
}

const luaL_Reg easy_answer_methods[] = {
  { "answer", easy_answer },
  { "ended", easy_ended },
  { "early", easy_early },
  { "demanded_http1", easy_demanded_http1 },
  { "lied", easy_lied },
  { "repeat_due", easy_repeat_due },
  { "denied", easy_denied },
  { "lacks_files", easy_lacks_files },
  { "version", easy_version },
  { "sent", easy_sent },
  { "phase", easy_phase },
  { "hung_up", easy_hung_up },
  { NULL, NULL },
};
