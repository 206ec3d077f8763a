/* See lines.h, and header_lines.lua, which asks for them. */
#include "lines.h"

#include <string.h>
#include <strings.h>

#include "header_fields.h"

const char lines_type[] = "multisock.lines";
typedef struct Given {
  bool agent, encoding, range, type, expect, upgrade, close, authorization;
} Given;

/* Whether a list of tokens has this one. */
static bool has_token(const char *list, const char *token)
{
  size_t size = strlen(token);
  const char *at;
  for (at = list; *at != '\0'; at++)
    if (strncasecmp(at, token, size) == 0 &&
        strchr(" \t,;", at[size]) != NULL &&
        (at == list || strchr(" \t,;", at[-1]) != NULL))
      return true;
  return false;
}

static void note_name(Given *given, const char *name, size_t size)
{
  given->agent |= header_is(name, size, "User-Agent");
  given->encoding |= header_is(name, size, "Accept-Encoding");
  given->range |= header_is(name, size, "Range");
  given->type |= header_is(name, size, "Content-Type");
  given->expect |= header_is(name, size, "Expect");
  given->upgrade |= header_is(name, size, "Upgrade");
  given->authorization |= header_is(name, size, "Authorization");
}

/* The arguments of core.lines. */
enum { FIELDS = 1, EXTRA, DEFAULTS, TYPE, LINES_BODY, UNASKED, AUTHORIZATION };

static bool is_blank(const char *text, size_t size)
{
  size_t i;
  for (i = 0; i < size; i++)
    if (strchr(" \t\n\v\f\r", text[i]) == NULL)
      return false;
  return true;
}

/* Of a line of the raw option httpheader. One without a value takes away what would
   be sent. */
static void note_line(Given *given, const char *line, size_t size)
{
  const char *colon = memchr(line, ':', size);
  Given own = { false, false, false, false, false, false, false, false };
  if (colon == NULL)
    return;
  note_name(&own, line, (size_t)(colon - line));
  given->expect |= own.expect;
  given->upgrade |= own.upgrade;
  if (is_blank(colon + 1, size - (size_t)(colon + 1 - line))) {
    given->agent |= own.agent;
    given->encoding |= own.encoding;
    given->type |= own.type;
  }
}

/* Looks at all that is given; returns the bytes that it takes. */
static size_t survey(lua_State *L, Given *given)
{
  lua_Integer i, count = header_count(L, FIELDS);
  size_t bytes = 0, size;
  const char *name;
  for (i = 1; i <= count; i++) {
    Field field = header_field(L, FIELDS, i);
    note_name(given, field.name, field.name_size);
    given->close |= header_is(field.name, field.name_size, "Connection") &&
                    has_token(field.value, "close");
    bytes += field.name_size + field.value_size + 3;
  }
  count = lua_istable(L, EXTRA) ? (lua_Integer)lua_rawlen(L, EXTRA) : 0;
  for (i = 1; i <= count; i++) {
    lua_rawgeti(L, EXTRA, i);
    name = luaL_checklstring(L, -1, &size);
    note_line(given, name, size);
    bytes += size + 1;
    lua_pop(L, 1);
  }
  return bytes;
}

typedef struct Writer {
  Lines *lines;
  char *to;
} Writer;

static void add_line(Writer *writer, const char *name, size_t name_size,
                     const char *value, size_t size, const char *glue)
{
  Lines *lines = writer->lines;
  struct curl_slist *node = &lines->nodes[lines->count];
  node->data = writer->to;
  node->next = NULL;
  if (lines->count++ > 0)
    node[-1].next = node;
  memcpy(writer->to, name, name_size);
  writer->to += name_size;
  while (*glue != '\0')
    *writer->to++ = *glue++;
  memcpy(writer->to, value, size);
  writer->to += size;
  *writer->to++ = '\0';
}

static void add_fields(lua_State *L, Writer *writer, bool asks)
{
  lua_Integer i, count = header_count(L, FIELDS);
  const char *name;
  size_t size;
  for (i = 1; i <= count; i++) {
    Field field = header_field(L, FIELDS, i);
    if (!asks && header_is(field.name, field.name_size, "Expect"))
      continue; /* there is nothing to be waited for */
    /* "Name:" would remove the field, with or without spaces behind. */
    if (is_blank(field.value, field.value_size))
      add_line(writer, field.name, field.name_size, "", 0, ";");
    else
      add_line(writer, field.name, field.name_size, field.value,
               field.value_size, ": ");
  }
  count = lua_istable(L, EXTRA) ? (lua_Integer)lua_rawlen(L, EXTRA) : 0;
  for (i = 1; i <= count; i++) {
    lua_rawgeti(L, EXTRA, i);
    name = lua_tolstring(L, -1, &size);
    if (asks || strncasecmp(name, "Expect:", 7) != 0)
      add_line(writer, name, size, "", 0, "");
    lua_pop(L, 1);
  }
}

/* Of the table of defaults. */
static const char *default_line(lua_State *L, const char *name)
{
  const char *line;
  lua_getfield(L, DEFAULTS, name);
  line = lua_tostring(L, -1);
  lua_pop(L, 1); /* the table has it */
  return line;
}

static void add_default(Writer *writer, const char *line)
{
  if (line != NULL)
    add_line(writer, line, strlen(line), "", 0, "");
}

#define DEFAULTS_MOST 6
#define DEFAULT_BYTES 512

/*** The header lines of a request as libcurl takes them, with what is sent unless
the user says otherwise.
@param fields list of {name, value}, or core.Fields
@param extra list of lines of the raw option httpheader; or nil
@param defaults table of lines: "agent", "encoding", "identity" (in its place for a
part of a body); what is missing is not sent
@param type content type of the body, where none is given; ""; none is sent
@param body boolean whether there is one
@param unasked boolean: the server is not asked whether it wants the body
@param authorization line; nil: none
@return core.Lines; whether they ask with Expect */
static int lines_new(lua_State *L)
{
  Given given = { false, false, false, false, false, false, false, false };
  const char *agent, *encoding, *authorization, *type = lua_tostring(L, TYPE);
  bool body = lua_toboolean(L, LINES_BODY), asks;
  size_t bytes, count;
  Writer writer;
  luaL_checktype(L, DEFAULTS, LUA_TTABLE);
  lua_settop(L, AUTHORIZATION);
  bytes = survey(L, &given);
  agent = given.agent ? NULL : default_line(L, "agent");
  encoding = given.encoding
                 ? NULL
                 : default_line(L, given.range ? "identity" : "encoding");
  authorization = given.authorization ? NULL : lua_tostring(L, AUTHORIZATION);
  asks = body && given.expect && !lua_toboolean(L, UNASKED);
  count = (size_t)header_count(L, FIELDS) + DEFAULTS_MOST +
          (lua_istable(L, EXTRA) ? lua_rawlen(L, EXTRA) : 0);
  bytes += (type != NULL ? strlen(type) : 0) + DEFAULT_BYTES +
           (agent != NULL ? strlen(agent) : 0) +
           (encoding != NULL ? strlen(encoding) : 0) +
           (authorization != NULL ? strlen(authorization) : 0);
  writer.lines =
      compat_newuserdata(L, sizeof *writer.lines +
                                count * sizeof(struct curl_slist) + bytes);
  memset(writer.lines, 0, sizeof *writer.lines);
  writer.lines->type = lines_type;
  writer.lines->self = writer.lines;
  writer.to = (char *)(writer.lines->nodes + count);
  writer.lines->expects = asks;
  writer.lines->upgrades = given.upgrade;
  writer.lines->closes = given.close;
  luaL_setmetatable(L, lines_type);
  add_fields(L, &writer, asks);
  add_default(&writer, authorization);
  if (type != NULL && !given.type)
    add_line(&writer, "Content-Type", 12, type, strlen(type),
             *type != '\0' ? ": " : ":");
  add_default(&writer, agent);
  add_default(&writer, encoding);
  /* libcurl would ask before large bodies, and wait for servers that do not
     say. */
  if (body && !asks)
    add_line(&writer, "Expect", 6, "", 0, ":");
  lua_pushboolean(L, asks);
  return 2;
}

static const luaL_Reg none[] = { { NULL, NULL } };

static const luaL_Reg functions[] = {
  { "lines", lines_new },
  { NULL, NULL },
};

/* Adds its functions to the table on top: core. */
void lines_open(lua_State *L)
{
  compat_opentype(L, lines_type, NULL, none);
  luaL_setfuncs(L, functions, 0);
}
