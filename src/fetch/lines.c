/* See lines.h, and header_lines.lua, which asks for them. */
#include "lines.h"

#include <string.h>
#include <strings.h>

#include "header_fields.h"
#include "lines_writer.h"

const char lines_type[] = "multisock.lines";

const Lines *lines_check(lua_State *L, int idx)
{
  const Lines *lines = compat_checkmarked(L, idx, lines_type);
  luaL_argcheck(L, lines->self == lines, idx,
                "the lines are of another Lua state");
  return lines;
}

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
      lines_add(writer, field.name, field.name_size, "", 0, ";");
    else
      lines_add(writer, field.name, field.name_size, field.value,
                field.value_size, ": ");
  }
  count = lua_istable(L, EXTRA) ? (lua_Integer)lua_rawlen(L, EXTRA) : 0;
  for (i = 1; i <= count; i++) {
    lua_rawgeti(L, EXTRA, i);
    name = lua_tolstring(L, -1, &size);
    if (asks || strncasecmp(name, "Expect:", 7) != 0)
      lines_add(writer, name, size, "", 0, "");
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

/* One that is written already. */
static void add_written(Writer *writer, const char *text, size_t size)
{
  const char *colon = memchr(text, ':', size);
  lines_add(writer, text, size, "", 0, "");
  if (colon != NULL)
    writer->lines->list[writer->lines->count - 1].name_size =
        (size_t)(colon - text);
}

static void add_default(Writer *writer, const char *line)
{
  if (line != NULL)
    add_written(writer, line, strlen(line));
}

/* The fields were checked, and lines of the user's are an option. */
static bool is_one_line(const char *text)
{
  return text == NULL || strpbrk(text, "\r\n") == NULL;
}

#define DEFAULTS_MOST 6
#define DEFAULT_BYTES 64

/*** The header lines of a request as libcurl takes them, with what is sent unless
the user says otherwise.
@param fields list of {name, value}, or core.Fields
@param extra list of lines of the raw option httpheader; or nil
@param defaults table of lines: "agent", "encoding", "identity" (in its place for a
part of a body); what is missing is not sent; "apart": libcurl has to know each
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
  luaL_argcheck(L, is_one_line(type), TYPE, "has a line break");
  luaL_argcheck(L, is_one_line(authorization), AUTHORIZATION,
                "has a line break");
  asks = body && given.expect && !lua_toboolean(L, UNASKED);
  count = (size_t)header_count(L, FIELDS) + DEFAULTS_MOST +
          (lua_istable(L, EXTRA) ? lua_rawlen(L, EXTRA) : 0);
  bytes += (type != NULL ? strlen(type) : 0) + DEFAULT_BYTES +
           (agent != NULL ? strlen(agent) : 0) +
           (encoding != NULL ? strlen(encoding) : 0) +
           (authorization != NULL ? strlen(authorization) : 0);
  writer = lines_push_room(L, count, bytes);
  writer.lines->expects = asks;
  writer.lines->upgrades = given.upgrade;
  writer.lines->closes = given.close;
  add_fields(L, &writer, asks);
  writer.lines->own = writer.lines->count;
  add_default(&writer, authorization);
  if (type != NULL && !given.type)
    lines_add(&writer, "Content-Type", 12, type, strlen(type),
              *type != '\0' ? ": " : ":");
  add_default(&writer, agent);
  if (agent != NULL && default_line(L, "apart") == NULL)
    lines_lead(&writer);
  add_default(&writer, encoding);
  if (encoding != NULL)
    writer.lines->list[writer.lines->count - 1].follows = true;
  /* libcurl would ask before large bodies, and wait for servers that do not
     say. */
  if (body && !asks)
    lines_add(&writer, "Expect", 6, "", 0, ":");
  lines_join(writer.lines);
  lua_pushboolean(L, asks);
  return 2;
}

/* ---- Over those of others ---- */

/* What other lines depend on, or how the answer is read. */
static bool is_special(const Field *field)
{
  return header_is(field->name, field->name_size, "Range") ||
         header_is(field->name, field->name_size, "Expect") ||
         header_is(field->name, field->name_size, "Upgrade") ||
         header_is(field->name, field->name_size, "Connection");
}

static bool is_replaced(const Line *line, const Field *list, int count)
{
  int i;
  for (i = 0; i < count; i++)
    if (list[i].name_size == line->name_size &&
        strncasecmp(list[i].name, line->node.data, line->name_size) == 0)
      return true;
  return false;
}

/* Those of `base` from one place to another that are not replaced. */
static void add_others(Writer *writer, const Lines *base, int from, int to,
                       const Field *list, int count)
{
  for (; from < to; from++) {
    const Line *line = &base->list[from];
    Line *made = &writer->lines->list[writer->lines->count];
    if (is_replaced(line, list, count))
      continue;
    lines_add(writer, line->node.data, line->size, "", 0, "");
    made->name_size = line->name_size;
    made->follows = line->follows;
    if (line->leads)
      lines_lead(writer);
  }
}

bool lines_push_over(lua_State *L, const Lines *base, const Field *list,
                     int count)
{
  size_t bytes = 0;
  Writer writer;
  int i, kept = 0;
  for (i = 0; i < count; i++) {
    if (is_special(&list[i]) || is_blank(list[i].value, list[i].value_size))
      return false;
    bytes += list[i].name_size + list[i].value_size + 3;
  }
  for (i = 0; i < base->count; i++) {
    bytes += base->list[i].size + 2;
    if (i >= base->own && i < base->own + base->own_count &&
        !is_replaced(&base->list[i], list, count))
      kept++;
  }
  writer = lines_push_room(L, (size_t)(base->count + count), bytes);
  writer.lines->expects = base->expects;
  writer.lines->upgrades = base->upgrades;
  writer.lines->closes = base->closes;
  add_others(&writer, base, 0, base->own, list, count);
  writer.lines->own = writer.lines->count;
  writer.lines->own_count = count + kept;
  for (i = 0; i < count; i++)
    lines_add(&writer, list[i].name, list[i].name_size, list[i].value,
              list[i].value_size, ": ");
  add_others(&writer, base, base->own, base->count, list, count);
  lines_join(writer.lines);
  return true;
}

/*** Fields as a list.
@param fields core.Fields; or core.Lines: those that they were given when they were
laid over others
@return list of {name, value} */
static int field_list(lua_State *L)
{
  const Lines *lines;
  int i;
  if (compat_testmarked(L, 1, lines_type) == NULL)
    return header_fields_list(L);
  lines = lines_check(L, 1);
  lua_createtable(L, lines->own_count, 0);
  for (i = 0; i < lines->own_count; i++) {
    const Line *line = &lines->list[lines->own + i];
    size_t value = line->name_size + 2;
    lua_createtable(L, 2, 0);
    lua_pushlstring(L, line->node.data, line->name_size);
    lua_rawseti(L, -2, 1);
    lua_pushlstring(L, line->node.data + value, line->size - value);
    lua_rawseti(L, -2, 2);
    lua_rawseti(L, -2, i + 1);
  }
  return 1;
}

/*** The same fields and one more, which is the first.
@param fields core.Fields or core.Lines
@param name string
@param value string; nil: nothing is added
@return the same kind of value; nil when it has a field of that name, or where its
lines depend on it */
static int with_field(lua_State *L)
{
  const Lines *lines;
  Field field;
  int i;
  if (compat_testmarked(L, 1, lines_type) == NULL)
    return header_fields_with(L);
  lines = lines_check(L, 1);
  field.name = luaL_checklstring(L, 2, &field.name_size);
  field.value = luaL_optlstring(L, 3, NULL, &field.value_size);
  for (i = 0; i < lines->count; i++)
    if (is_replaced(&lines->list[i], &field, 1))
      return 0;
  if (field.value == NULL) {
    lua_settop(L, 1);
    return 1;
  }
  return lines_push_over(L, lines, &field, 1);
}

static const luaL_Reg none[] = { { NULL, NULL } };

static const luaL_Reg functions[] = {
  { "lines", lines_new },
  { "field_list", field_list },
  { "with_field", with_field },
  { NULL, NULL },
};

/* Adds its functions to the table on top: core. */
void lines_open(lua_State *L)
{
  compat_opentype(L, lines_type, NULL, none);
  luaL_setfuncs(L, functions, 0);
}
