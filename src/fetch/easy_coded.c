/* The methods of easy handles that read coded bodies: decoding.lua calls them.
   See coded.h. */
#include "coded.h"
#include "error.h"
#include "receiver.h"

#include <string.h>
#include <uv.h>

/* How long the others wait for one slice, at most. */
#define SLICE_US 2000

static Receiver *coded_check(lua_State *L)
{
  Easy *easy = easy_check(L, 1);
  if (easy->receiver == NULL || easy->receiver->coded == NULL)
    luaL_error(L, "the body has no codings");
  return easy->receiver;
}

/*** Whether the body comes in codings that have to be undone. */
static int easy_is_coded(lua_State *L)
{
  const Easy *easy = easy_check(L, 1);
  lua_pushboolean(L, easy->receiver != NULL && easy->receiver->coded != NULL);
  return 1;
}

/*** Decodes a slice of what has come, for take; into the file, where sink has
named one.
@return boolean: whether there is more to do at once; boolean: whether the
transfer was paused, and should go on; integer: decoded bytes so far; or nil when
the file does not take them */
static int easy_decode(lua_State *L)
{
  Receiver *receiver = coded_check(L);
  Coded *coded = receiver->coded;
  bool more = coded_work(receiver, SLICE_US);
  Sink *sink = &receiver->seldom->sink;
  if (sink_is_open(sink)) {
    size_t size = buffer_size(&coded->plain);
    if (size > 0 && !sink_put(sink, buffer_head(&coded->plain), size,
                              uv_hrtime() / 1000000))
      return 0;
    buffer_drop(&coded->plain, size);
  }
  lua_pushboolean(L, more);
  lua_pushboolean(L, receiver->paused && buffer_size(&receiver->body) == 0);
  lua_pushinteger(L, (lua_Integer)coded->made);
  return 3;
}

/*** The rest of the body is taken as it comes. */
static int easy_stop_decoding(lua_State *L)
{
  coded_end(coded_check(L));
  return 0;
}

/* "gzip, br" */
static void push_names(lua_State *L, const CodingList *list)
{
  int i;
  lua_pushstring(L, list->codings[0]->name);
  for (i = 1; i < list->count; i++) {
    lua_pushfstring(L, ", %s", list->codings[i]->name);
    lua_concat(L, 2);
  }
}

static bool is_head(const Easy *easy)
{
  const char *method = NULL;
  (void)curl_easy_getinfo(easy->handle, CURLINFO_EFFECTIVE_METHOD, &method);
  return method != NULL && strcmp(method, "HEAD") == 0;
}

/* Whether a body that has ended did so in the middle of its coding. What has no
   bytes at all is empty, unless nothing tells that none are missing. */
static bool is_cut_off(const Easy *easy)
{
  const Receiver *receiver = easy->receiver;
  if (receiver->received == 0)
    return coded_is_open_ended(receiver) && !is_head(easy);
  return buffer_size(&receiver->body) == 0 &&
         receiver->coded->result == DECODER_WAITS && !coded_ends_well(receiver);
}

bool easy_push_coded_failure(lua_State *L, Easy *easy, bool all_came)
{
  const Coded *coded = easy->receiver->coded;
  bool is_cut = false;
  if (coded == NULL)
    return false;
  if (coded->result == DECODER_NO_MEMORY) {
    error_push_easy(L, easy, CURLE_OUT_OF_MEMORY);
    return true;
  }
  if (coded->result != DECODER_CORRUPT) {
    is_cut = all_came && is_cut_off(easy);
    if (!is_cut)
      return false;
  }
  error_push_easy(L, easy, CURLE_BAD_CONTENT_ENCODING);
  push_names(L, &coded->list);
  if (is_cut)
    lua_pushfstring(L, "the body ends in the middle of its coding (%s)",
                    lua_tostring(L, -1));
  else
    lua_pushfstring(L, "the body is not what its coding says (%s): %s",
                    lua_tostring(L, -1),
                    coded->message != NULL ? coded->message : "corrupt");
  lua_setfield(L, -3, "message");
  lua_pop(L, 1);
  lua_pushboolean(L, is_cut);
  lua_setfield(L, -2, "retryable");
  return true;
}

const luaL_Reg easy_coded_methods[] = {
  { "is_coded", easy_is_coded },
  { "decode", easy_decode },
  { "stop_decoding", easy_stop_decoding },
  { NULL, NULL },
};
