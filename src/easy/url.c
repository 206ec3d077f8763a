/* core.url: libcurl's URL API. Also used by the fetch path, which parses
   each URL once and hands the result to libcurl (CURLOPT_CURLU). */
#include "url.h"

#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "url_text.h"

static const char url_type[] = "multisock.url";

/* Memory alone: a forked child may go on with it. */
typedef struct UrlBox {
  const char *type; /* url_type: see compat_checkmarked */
  Url *url;         /* NULL once it is closed */
  const void *self; /* see Owner */
} UrlBox;

Url *url_check(lua_State *L, int idx)
{
  const UrlBox *box = compat_checkmarked(L, idx, url_type);
  if (box->self != box)
    luaL_argerror(L, idx, "the url is of another Lua state: copy its text");
  if (box->url == NULL)
    luaL_argerror(L, idx, "url is closed");
  return box->url;
}

void url_release(Url *url)
{
  if (url == NULL || --url->users > 0)
    return;
  url_release(url->sample);
  curl_url_cleanup(url->handle);
  free(url);
}

static const char *const part_names[] = {
  "url",  "scheme", "user",  "password", "options", "host",
  "port", "path",   "query", "fragment", "zoneid",  NULL,
};

static const CURLUPart parts[] = {
  CURLUPART_URL,     CURLUPART_SCHEME,   CURLUPART_USER,   CURLUPART_PASSWORD,
  CURLUPART_OPTIONS, CURLUPART_HOST,     CURLUPART_PORT,   CURLUPART_PATH,
  CURLUPART_QUERY,   CURLUPART_FRAGMENT, CURLUPART_ZONEID,
};

typedef struct FlagRow {
  const char *name;
  unsigned int bit;
  unsigned int since; /* the first libcurl that has it; 0: all of ours */
} FlagRow;

/* Not libcurl's: see url_text.h. */
#define OWN_URI (1u << 31)

/* Numbers, because a header may be older than the libcurl that runs. */
static const FlagRow flags[] = {
  { "default_port", 1 << 0, 0 },
  { "no_default_port", 1 << 1, 0 },
  { "default_scheme", 1 << 2, 0 },
  { "non_support_scheme", 1 << 3, 0 },
  { "path_as_is", 1 << 4, 0 },
  { "disallow_user", 1 << 5, 0 },
  { "urldecode", 1 << 6, 0 },
  { "urlencode", 1 << 7, 0 },
  { "appendquery", 1 << 8, 0 },
  { "guess_scheme", 1 << 9, 0 },
  { "no_authority", 1 << 10, 0 },
  { "allow_space", 1 << 11, 0 },
  { "punycode", 1 << 12, 0x075800 },
  { "puny2idn", 1 << 13, 0x080300 },
  { "get_empty", 1 << 14, 0x080800 },
  { "no_guess_scheme", 1 << 15, 0x080900 },
  { "uri", OWN_URI, 0 },
};

static const FlagRow *flag_find(lua_State *L, const char *name)
{
  size_t i;
  for (i = 0; i < sizeof flags / sizeof *flags; i++)
    if (name != NULL && strcmp(flags[i].name, name) == 0)
      return &flags[i];
  luaL_error(L, "unknown url flag '%s'", luaL_tolstring(L, -1, NULL));
  return NULL;
}

/* A list of flag names, or nothing, to bits. False, with an error object
   pushed, when this libcurl would ignore one of them. */
static bool check_flags(lua_State *L, int idx, unsigned int *bits)
{
  lua_Integer i, count;
  *bits = 0;
  if (lua_isnoneornil(L, idx))
    return true;
  luaL_checktype(L, idx, LUA_TTABLE);
  count = (lua_Integer)lua_rawlen(L, idx);
  for (i = 1; i <= count; i++) {
    const FlagRow *flag;
    lua_rawgeti(L, idx, i);
    flag = flag_find(L, lua_tostring(L, -1));
    if (compat_curl_version() < flag->since) {
      lua_pushfstring(L, "url flag '%s'", flag->name);
      error_push_needs(L, lua_tostring(L, -1), flag->since);
      return false;
    }
    *bits |= flag->bit;
    lua_pop(L, 1);
  }
  return true;
}

static int fail(lua_State *L, CURLUcode code)
{
  lua_pushnil(L);
  error_push_url(L, code);
  return 2;
}

Url *url_make(CURLU *original)
{
  Url *url = calloc(1, sizeof *url);
  if (url == NULL)
    return NULL;
  url->users = 1;
  url->handle = original != NULL ? curl_url_dup(original) : curl_url();
  if (url->handle != NULL)
    return url;
  free(url);
  return NULL;
}

/* Pushes an object of an empty URL, or of a copy. */
static Url *push_url(lua_State *L, CURLU *original)
{
  UrlBox *box = compat_newuserdata(L, sizeof *box);
  box->type = url_type;
  box->self = box;
  box->url = NULL;
  luaL_setmetatable(L, url_type);
  box->url = url_make(original);
  if (box->url == NULL)
    luaL_error(L, "not enough memory");
  return box->url;
}

/* libcurl takes most parts as they are, and sends them so: what would end the
   line of the request is no URL, unless it is to be encoded. */
static CURLUcode set_part(lua_State *L, CURLU *handle, CURLUPart part, int idx,
                          unsigned int bits)
{
  size_t size;
  const char *text = luaL_checklstring(L, idx, &size);
  char *encoded;
  bool blanks;
  CURLUcode code;
  if (url_text_breaks(text, size) &&
      (!(bits & CURLU_URLENCODE) || strlen(text) != size))
    return CURLUE_MALFORMED_INPUT;
  if (!(bits & OWN_URI))
    return curl_url_set(handle, part, text, bits);
  blanks = (bits & CURLU_URLENCODE) != 0;
  bits &= ~(OWN_URI | (unsigned int)CURLU_URLENCODE);
  if (url_text_foreign(text, size, blanks) == 0)
    return curl_url_set(handle, part, text, bits);
  encoded = url_text_encode(text, size, blanks);
  if (encoded == NULL)
    return CURLUE_OUT_OF_MEMORY;
  code = curl_url_set(handle, part, encoded, bits);
  free(encoded);
  return code;
}

/*** Parses a URL.
@param text? string; nil: an empty one
@param flags? list of strings: "default_scheme" "non_support_scheme"
"path_as_is" "disallow_user" "urlencode" "guess_scheme" "no_authority"
"allow_space"; "uri" is multisock's own: what no URI has is percent-encoded
behind the host, a blank only with "urlencode"
@return core.Url; or nil, err of kind "url", or of kind "curl" when a flag
needs a newer libcurl
@raise on an unknown flag
@see curl_url_set(3) */
int url_new(lua_State *L)
{
  unsigned int bits;
  Url *url;
  if (!check_flags(L, 2, &bits))
    return error_return(L);
  lua_settop(L, 2);
  url = push_url(L, NULL);
  if (!lua_isnoneornil(L, 1)) {
    CURLUcode code = set_part(L, url->handle, CURLUPART_URL, 1, bits);
    if (code != CURLUE_OK)
      return fail(L, code);
  }
  return 1;
}

/*** One part of the URL. Flags: "default_port" "no_default_port"
"default_scheme" "urldecode" "urlencode" and, of newer versions, "punycode"
(7.88) "puny2idn" (8.3) "get_empty" (8.8) "no_guess_scheme" (8.9).
@param part? string: "url" (the default) "scheme" "user" "password" "options" "host" "port" "path"
"query" "fragment" "zoneid"
@param flags? list of strings
@return string, nil when the URL has no such part; or nil, err
@see curl_url_get(3) */
static int url_get(lua_State *L)
{
  CURLU *url = url_check(L, 1)->handle;
  int part = luaL_checkoption(L, 2, "url", part_names);
  unsigned int bits;
  char *text = NULL;
  CURLUcode code;
  if (!check_flags(L, 3, &bits))
    return error_return(L);
  code = url_text_get(url, parts[part], &text, bits);
  if ((code >= CURLUE_NO_SCHEME && code <= CURLUE_NO_FRAGMENT) ||
      code == CURLUE_NO_ZONEID) {
    lua_pushnil(L);
    return 1;
  }
  if (code != CURLUE_OK)
    return fail(L, code);
  lua_pushstring(L, text);
  curl_free(text);
  return 1;
}

/*** Sets one part; setting "url" to a relative one resolves it.
@param part string as for get
@param value? string; nil removes the part
@param flags? list of strings
@return self; or nil, err
@see curl_url_set(3) */
static int url_set(lua_State *L)
{
  CURLU *url = url_check(L, 1)->handle;
  int part = luaL_checkoption(L, 2, NULL, part_names);
  unsigned int bits;
  CURLUcode code;
  if (!check_flags(L, 4, &bits))
    return error_return(L);
  code = lua_isnoneornil(L, 3) ? curl_url_set(url, parts[part], NULL, bits)
                               : set_part(L, url, parts[part], 3, bits);
  if (code != CURLUE_OK)
    return fail(L, code);
  lua_settop(L, 1);
  return 1;
}

/*** A copy that changes on its own.
@return core.Url
@see curl_url_dup(3) */
static int url_dup(lua_State *L)
{
  (void)push_url(L, url_check(L, 1)->handle);
  return 1;
}

/* Ends the text before this byte; what is behind it, NULL where it is not. */
static char *cut(char *text, char byte)
{
  char *at = strchr(text, byte);
  if (at != NULL)
    *at++ = '\0';
  return at;
}

CURLUcode url_set_path(CURLU *handle, const char *text)
{
  char *path = strdup(text), *query, *fragment;
  CURLUcode code;
  if (path == NULL)
    return CURLUE_OUT_OF_MEMORY;
  fragment = cut(path, '#');
  if (fragment != NULL && *fragment == '\0')
    fragment = NULL; /* as libcurl reads it */
  query = cut(path, '?');
  code = curl_url_set(handle, CURLUPART_PATH, path, 0);
  if (code == CURLUE_OK)
    code = curl_url_set(handle, CURLUPART_QUERY, query, 0);
  if (code == CURLUE_OK)
    code = curl_url_set(handle, CURLUPART_FRAGMENT, fragment, 0);
  free(path);
  return code;
}

/*** Another URL of the same place.
@param text string, of which url_place says that it is that place, and that libcurl
sends what is behind it as it is written
@return core.Url */
static int url_beside(lua_State *L)
{
  CURLU *sample = url_check(L, 1)->handle;
  size_t size;
  const char *text = luaL_checklstring(L, 2, &size);
  size_t place = url_text_place(text, size);
  CURLUcode code;
  luaL_argcheck(L, place > 0 && url_text_is_sent_so(text + place, size - place),
                2, "is not of that kind");
  code = url_set_path(push_url(L, sample)->handle, text + place);
  return code == CURLUE_OK ? 1 : fail(L, code);
}

static int url_gc(lua_State *L)
{
  UrlBox *box = compat_checkudata(L, 1, url_type);
  if (box->self != box)
    return 0;
  url_release(box->url);
  box->url = NULL;
  return 0;
}

/*** Ends the use of this object. May be called again. A transfer that was
given the URL keeps it. */
static int url_close(lua_State *L)
{
  return url_gc(L);
}

static int url_tostring(lua_State *L)
{
  const UrlBox *box = compat_checkudata(L, 1, url_type);
  char *text = NULL;
  if (box->self != box)
    lua_pushstring(L, "multisock.url (of another Lua state)");
  else if (box->url == NULL)
    lua_pushstring(L, "multisock.url (closed)");
  else if (curl_url_get(box->url->handle, CURLUPART_URL, &text, 0) != CURLUE_OK)
    lua_pushstring(L, "multisock.url (incomplete)");
  else
    lua_pushstring(L, text);
  curl_free(text);
  return 1;
}

static const luaL_Reg methods[] = {
  { "get", url_get },     { "set", url_set },       { "dup", url_dup },
  { "close", url_close }, { "beside", url_beside }, { NULL, NULL },
};

static const luaL_Reg metamethods[] = {
  { "__gc", url_gc },
  { "__close", url_close },
  { "__tostring", url_tostring },
  { NULL, NULL },
};

void url_open(lua_State *L)
{
  compat_opentype(L, url_type, metamethods, methods);
}
