/* What most options of requests say, read in one call: usual.lua asks. Nothing is
   raised here: what is unusual, or wrong, request/init.lua looks at. */
#include "usual.h"

#include <string.h>

#include "form.h"
#include "lines.h"
#include "url_known.h"

/* Where its arguments stand. */
#define OPTIONS 1
#define METHOD 2 /* nil: what the options say, or the body */
#define URL 3
#define KNOWN 4
#define PREFIX 5 /* nil: the URL is whole */

/* The options that are looked at here, and where they stand then. */
enum { TIMEOUT = 6, HEADERS, BODY, JSON, FORM, QUERY, METHOD_GIVEN, META };
#define FIRST TIMEOUT
#define COUNT (META - FIRST + 1)
static const char *const option_names[COUNT] = { "timeout", "headers", "body",
                                                 "json",    "form",    "query",
                                                 "method",  "meta" };

/* The names as Lua has them: a short text is there once, so one address is one name.
   ANCHORS keeps them alive. */
typedef struct Names {
  const char *list[COUNT];
} Names;

/* The upvalues. The types of bodies are keys of KNOWN, too. */
enum {
  NAMES = 1,
  ANCHORS, /* table with the names */
  JSON_BODY,
  TYPE_NONE,
  TYPE_BYTES,
  TYPE_JSON,
  TYPE_FORM,
  UPVALUES = TYPE_FORM
};

/* Puts the options to their places. */
static bool read_options(lua_State *L)
{
  const Names *names = lua_touserdata(L, lua_upvalueindex(NAMES));
  lua_pushnil(L);
  while (lua_next(L, OPTIONS)) {
    const char *name;
    int i = 0;
    if (lua_type(L, -2) != LUA_TSTRING)
      return false;
    name = lua_tostring(L, -2);
    while (i < COUNT && names->list[i] != name)
      i++;
    if (i == COUNT)
      return false;
    lua_replace(L, FIRST + i);
  }
  return true;
}

static bool is_one_of(const char *method, const char *const *list)
{
  for (; *list != NULL; list++)
    if (strcmp(method, *list) == 0)
      return true;
  return false;
}

/* The method that the options name comes first. */
static bool choose_method(lua_State *L)
{
  static const char *const standard[] = { "GET",   "HEAD",   "POST",    "PUT",
                                          "PATCH", "DELETE", "OPTIONS", NULL };
  if (lua_isnil(L, METHOD_GIVEN))
    return lua_isnil(L, METHOD) || lua_type(L, METHOD) == LUA_TSTRING;
  if (lua_type(L, METHOD_GIVEN) != LUA_TSTRING ||
      !is_one_of(lua_tostring(L, METHOD_GIVEN), standard))
    return false;
  lua_pushvalue(L, METHOD_GIVEN);
  lua_replace(L, METHOD);
  return true;
}

/* Encodes the option `json`; false when JSON cannot say it. */
static bool encode_json(lua_State *L)
{
  static const char refusal[] = "option 'json': ";
  const char *message;
  lua_pushvalue(L, lua_upvalueindex(JSON_BODY));
  lua_pushvalue(L, JSON);
  if (lua_pcall(L, 1, 1, 0) == 0)
    return true;
  message = lua_tostring(L, -1);
  if (message == NULL || strncmp(message, refusal, sizeof refusal - 1) != 0)
    lua_error(L); /* of a hook, or there is no memory */
  return false;
}

/* Makes the body of what is given for one; the upvalue with its type, 0: there is
   none; -1: it is not as usual. */
static int make_body(lua_State *L)
{
  bool json = !lua_isnil(L, JSON), form = !lua_isnil(L, FORM);
  if (json + form + !lua_isnil(L, BODY) > 1)
    return -1;
  if (json) {
    if (!encode_json(L))
      return -1;
    lua_replace(L, BODY);
    return TYPE_JSON;
  }
  if (form) {
    if (!lua_istable(L, FORM) || !form_push(L, FORM, "", 0, ""))
      return -1;
    lua_replace(L, BODY);
    return TYPE_FORM;
  }
  if (lua_isnil(L, BODY))
    return 0;
  return lua_type(L, BODY) == LUA_TSTRING ? TYPE_BYTES : -1;
}

/* Makes it whole, where it stands behind a base_url. */
static bool complete_url(lua_State *L)
{
  if (lua_type(L, URL) != LUA_TSTRING)
    return false;
  if (lua_isnil(L, PREFIX))
    return true;
  if (!url_push_under(L, PREFIX, URL))
    return false;
  lua_replace(L, URL);
  return true;
}

/* The query goes behind the URL. */
static bool add_query(lua_State *L)
{
  const char *text, *glue = "?";
  size_t size;
  if (lua_isnil(L, QUERY))
    return true;
  text = lua_tolstring(L, URL, &size);
  if (!lua_istable(L, QUERY) || memchr(text, '#', size) != NULL)
    return false;
  if (memchr(text, '?', size) != NULL)
    glue = text[size - 1] == '?' || text[size - 1] == '&' ? "" : "&";
  if (!form_push(L, QUERY, text, size, glue))
    return false;
  lua_replace(L, URL);
  return true;
}

/* Pushes the key of the lines that such a request has when it has no fields of its
   own; false: it cannot have that body. */
static bool push_key(lua_State *L, int type)
{
  static const char *const with_length[] = { "POST", "PUT", "PATCH", NULL };
  const char *method = lua_tostring(L, METHOD);
  if (type > 0)
    lua_pushvalue(L, lua_upvalueindex(type));
  else if (method != NULL && is_one_of(method, with_length))
    lua_pushvalue(L, lua_upvalueindex(TYPE_NONE));
  else
    lua_pushinteger(L, 0);
  return type == 0 || method == NULL || strcmp(method, "HEAD") != 0;
}

/* Lays the request's own fields over the lines at the top, which it replaces. */
static bool add_fields(lua_State *L)
{
  Field list[MOST_FIELDS];
  int top = lua_gettop(L), count;
  const Lines *base = lines_check(L, top);
  if (lua_isnil(L, HEADERS))
    return true;
  count = header_fields_read(L, HEADERS, list);
  if (count < 0 || !lines_push_over(L, base, list, count))
    return false;
  lua_replace(L, top);
  lua_settop(L, top);
  return true;
}

/*** What a request says with its options, where nothing of that is unusual.
@param options any
@param method string; nil: that of the options, or what goes with the body
@param url any
@param known table of core.Lines: those of requests without fields of their own, by
their content type; "": they say that they have none; 0: they have no body
@param prefix string that stands before all URLs, see url_under; nil: none does
@return url with the query; its core.Lines; timeout as it was given; body, its content type,
method, meta: nil where there is none; nothing where something is unusual; false when
the lines are not known
@local */
static int usual(lua_State *L)
{
  int type;
  luaL_checktype(L, KNOWN, LUA_TTABLE);
  (void)luaL_optstring(L, PREFIX, NULL);
  lua_settop(L, META);
  if (!lua_istable(L, OPTIONS) || lua_getmetatable(L, OPTIONS) ||
      !read_options(L) || !choose_method(L))
    return 0;
  type = make_body(L);
  if (type < 0 || !complete_url(L) || !add_query(L) || !push_key(L, type))
    return 0;
  lua_rawget(L, KNOWN);
  if (lua_isnil(L, -1)) {
    lua_pushboolean(L, 0);
    return 1;
  }
  if (!add_fields(L))
    return 0;
  lua_pushvalue(L, URL);
  lua_insert(L, -2);
  lua_pushvalue(L, TIMEOUT);
  lua_pushvalue(L, BODY);
  if (type > 0)
    lua_pushvalue(L, lua_upvalueindex(type));
  else
    lua_pushnil(L);
  lua_pushvalue(L, METHOD);
  lua_pushvalue(L, META);
  return 7;
}

/* Pushes the names as Lua has them, and what keeps them alive. */
static void push_names(lua_State *L)
{
  Names *names = compat_newbytes(L, sizeof *names);
  int i;
  lua_createtable(L, COUNT, 0);
  for (i = 0; i < COUNT; i++) {
    lua_pushstring(L, option_names[i]);
    names->list[i] = lua_tostring(L, -1);
    lua_rawseti(L, -2, i + 1);
  }
}

/* Adds its function to the table on top: core. */
void usual_open(lua_State *L)
{
  push_names(L);
  lua_getfield(L, -1 - ANCHORS, "json_body");
  lua_pushliteral(L, "");
  lua_pushliteral(L, "application/octet-stream");
  lua_pushliteral(L, "application/json");
  lua_pushliteral(L, "application/x-www-form-urlencoded");
  lua_pushcclosure(L, usual, UPVALUES);
  lua_setfield(L, -2, "usual");
}
