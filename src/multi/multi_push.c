/* HTTP/2 server push: libcurl makes a handle for the pushed stream, a copy of
   the one that asked; the push callback decides whether it is wanted, and may
   set its options. What is accepted becomes one of the multi's easies. */
#include "multi_lua.h"

#include <string.h>

#include "callbacks.h"
#include "options.h"

#ifndef CURL_PUSH_ERROROUT
#define CURL_PUSH_ERROROUT 2
#endif

typedef struct Offer {
  Multi *multi;
  Easy *parent;
  CURL *handle;
  size_t count;
  struct curl_pushheaders *headers;
  Easy *easy; /* what became of the handle, or NULL */
  int answer;
} Offer;

/* Pushes a table: the lines by number, the first value of each name by name.
   Lines are "name:value", and names may begin with a colon. */
static void push_headers(lua_State *L, const Offer *offer)
{
  size_t i;
  lua_createtable(L, (int)offer->count, (int)offer->count);
  for (i = 0; i < offer->count; i++) {
    const char *line = curl_pushheader_bynum(offer->headers, i);
    const char *colon =
        line != NULL && *line != '\0' ? strchr(line + 1, ':') : NULL;
    if (colon == NULL)
      continue;
    lua_pushstring(L, line);
    lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
    lua_pushlstring(L, line, (size_t)(colon - line));
    lua_pushvalue(L, -1);
    lua_rawget(L, -3);
    if (lua_isnil(L, -1)) {
      lua_pop(L, 1);
      lua_pushstring(L, colon + 1);
      lua_rawset(L, -3);
    }
    else
      lua_pop(L, 2);
  }
}

/* The values that the copied options point into, and the callbacks, are the
   parent's: the copy keeps them too. Its userdata is on top of the stack. */
static CURLcode inherit(lua_State *L, Easy *easy, const Easy *parent)
{
  CURLcode code;
  compat_getuservalue(L, -1);
  easy_push_values(L, parent);
  lua_pushnil(L);
  while (lua_next(L, -2) != 0) {
    lua_pushvalue(L, -2);
    lua_insert(L, -2);
    lua_rawset(L, -5);
  }
  lua_pop(L, 1);
  callbacks_adopt(L, easy, lua_gettop(L));
  /* It sends nothing, and streams of a mime belong to the parent. */
  if (lua_rawgeti(L, -1, CURLOPT_MIMEPOST) != LUA_TNIL)
    (void)curl_easy_setopt(easy->handle, CURLOPT_MIMEPOST, NULL);
  lua_pop(L, 1);
  lua_pushnil(L);
  lua_rawseti(L, -2, CURLOPT_MIMEPOST);
  lua_pop(L, 1);
  code = options_copy_lists(parent, easy)
             ? curl_easy_setopt(easy->handle, CURLOPT_HTTPGET, 1L)
             : CURLE_OUT_OF_MEMORY;
  easy->driver = parent->driver;
  easy->cookie_files = parent->cookie_files;
  return code;
}

static int answer_of(lua_State *L)
{
  static const char *const names[] = { "deny", "ok", "errorout" };
  static const int answers[] = { CURL_PUSH_DENY, CURL_PUSH_OK,
                                 CURL_PUSH_ERROROUT };
  const char *text;
  size_t i;
  if (lua_isnil(L, -1) || lua_isboolean(L, -1))
    return lua_toboolean(L, -1) ? CURL_PUSH_OK : CURL_PUSH_DENY;
  text = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : NULL;
  for (i = 0; i < sizeof names / sizeof *names; i++)
    if (text != NULL && strcmp(names[i], text) == 0)
      return answers[i];
  return luaL_error(L,
                    "pushfunction returned %s: boolean, nil, 'ok', 'deny' "
                    "or 'errorout' expected",
                    luaL_tolstring(L, -1, NULL));
}

/* Under pcall: (offer, pushfunction, values of the multi). */
static int ask(lua_State *L)
{
  Offer *offer = lua_touserdata(L, 1);
  int answer;
  offer->easy = easy_wrap(L, offer->handle); /* at 4 */
  offer->easy->offered = true;
  offer->easy->depth++; /* not to be freed by a close in here */
  if (inherit(L, offer->easy, offer->parent) != CURLE_OK)
    return luaL_error(L, "not enough memory");
  lua_pushvalue(L, 2);
  easy_push(L, offer->parent);
  lua_pushvalue(L, 4);
  push_headers(L, offer);
  lua_call(L, 3, 1);
  answer = answer_of(L);
  if (answer == CURL_PUSH_OK && !offer->easy->orphan) {
    /* libcurl never starts the clock of a pushed transfer: it would count the
       time since the machine was started. */
    (void)curl_easy_setopt(offer->handle, CURLOPT_TIMEOUT_MS, 0L);
    lua_pushvalue(L, 4);
    lua_rawsetp(L, 3, offer->easy); /* the multi pins it */
    offer->easy->pinned = true;
    offer->multi->pinned++;
    offer->answer = CURL_PUSH_OK;
  }
  else if (answer == CURL_PUSH_ERROROUT)
    offer->answer = answer;
  return 0;
}

int multi_on_push(CURL *parent, CURL *handle, size_t count,
                  struct curl_pushheaders *headers, void *data)
{
  Offer offer = { data, NULL, handle, count, headers, NULL, CURL_PUSH_DENY };
  lua_State *L = multi_callback_begin(data, "pushfunction");
  if (L == NULL)
    return CURL_PUSH_DENY;
  (void)curl_easy_getinfo(parent, CURLINFO_PRIVATE, &offer.parent);
  /* The copy of a collected transfer would write into its parent's. */
  if (offer.parent == NULL || offer.parent->orphan ||
      offer.parent->receiver != NULL) {
    lua_pop(L, 2);
    return CURL_PUSH_DENY;
  }
  lua_pushcfunction(L, ask);
  lua_pushlightuserdata(L, &offer);
  lua_insert(L, -4);
  lua_insert(L, -4); /* ask, offer, values, pushfunction */
  lua_insert(L, -2);
  if (lua_pcall(L, 3, 0, 0) != LUA_OK)
    multi_keep_error(L, offer.multi);
  if (offer.easy == NULL)
    return CURL_PUSH_DENY;
  offer.easy->depth--;
  offer.easy->offered = false;
  if (offer.answer == CURL_PUSH_OK)
    multi_adopt(offer.multi, offer.easy);
  else
    easy_disown(offer.easy); /* libcurl frees the handle */
  return offer.answer;
}
