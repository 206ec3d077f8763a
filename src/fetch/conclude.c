/* See conclude.h. */
#include "conclude.h"

#include "message.h"
#include "receiver.h"

int conclude_leave(lua_State *L, Easy *easy)
{
  Multi *multi = *easy->home;
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
      receiver->stage < STAGE_BODY || receiver_is_unexpected(receiver))
    return false;
  if (receiver->coded != NULL) {
    if (!is_decoded(easy))
      return false;
    size = receiver->coded->made;
  }
  return receiver->max_body == 0 || size <= receiver->max_body;
}

bool conclude_take(lua_State *L, Limiter *limiter, int easy_at)
{
  Easy **box = lua_touserdata(L, easy_at);
  Easy *easy = *box;
  Multi *home = *easy->home;
  if (home == NULL || home->depth > 0 || !is_whole(easy))
    return false;
  multi_remove(home, easy);
  if (*box == NULL)
    luaL_error(L, "the handle of a running transfer was closed");
  message_end(L, easy, easy_at);
  lua_pushinteger(L, easy->receiver->status);
  easy_push_rest(L, easy, &limiter->client->traffic);
  return true;
}

int conclude_give_back(lua_State *L, int limiter_at, int easy_at)
{
  Easy **box = lua_touserdata(L, easy_at);
  Easy *easy = *box;
  Limiter *limiter = lua_touserdata(L, limiter_at);
  bool goes, awaited;
  limiter_leave(limiter, false);
  goes = message_is_last(easy) || !limiter_has(L, limiter_at, easy_at) ||
         !limiter_keep(limiter, box, easy->needs_reset ? 0 : easy->profile);
  awaited = limiter_is_awaited(limiter);
  if (!goes && !awaited)
    return 0;
  lua_pushboolean(L, awaited);
  if (!goes)
    return 1;
  lua_pushvalue(L, easy_at);
  return 2;
}

int conclude(lua_State *L, int limiter_at, int easy_at)
{
  if (!conclude_take(L, lua_touserdata(L, limiter_at), easy_at))
    return conclude_leave(L, *(Easy **)lua_touserdata(L, easy_at));
  return 3 + conclude_give_back(L, limiter_at, easy_at);
}
