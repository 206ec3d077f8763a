/* What Lua does with a part of a multipart body. */
#include "mime_private.h"

/* Pushes the values of the part at 1; raises when its mime is closed. */
static void push_checked_part(lua_State *L)
{
  (void)compat_checkudata(L, 1, mime_part_type);
  compat_getuservalue(L, 1);
  lua_getfield(L, -1, "mime");
  if (((Mime *)lua_touserdata(L, -1))->closed)
    luaL_argerror(L, 1, "the mime of the part is closed");
  lua_pop(L, 1);
}

/* A method that sets one field: self, value. */
static int set_by_method(lua_State *L,
                         void (*set)(lua_State *L, int part, int value))
{
  lua_settop(L, 2);
  push_checked_part(L);
  set(L, 3, 2);
  lua_settop(L, 1);
  return 1;
}

/*** The name of the form field.
@param name? string; nil: none
@return self
@see curl_mime_name(3) */
static int part_name(lua_State *L)
{
  return set_by_method(L, mime_set_name);
}

/*** The content: a string, which may have zero bytes. It replaces any other
content.
@param data string
@return self
@see curl_mime_data(3) */
static int part_data(lua_State *L)
{
  return set_by_method(L, mime_set_data);
}

/*** The content: a file, read while it is sent. Its name is sent too, unless
filename says otherwise.
@param path string
@return self; that the file cannot be read is told when the mime is given to
an easy
@see curl_mime_filedata(3) */
static int part_filedata(lua_State *L)
{
  return set_by_method(L, mime_set_file);
}

/*** The content: what a function gives, as the readfunction of an easy does.
@param size integer|nil: bytes; nil or -1 when it is not known
@param read fun(room: integer): string? a string of at most so many bytes; nil:
the end
@param seek? fun(offset: integer, origin: string): boolean? needed to send it
again
@return self
@see curl_mime_data_cb(3) */
static int part_data_cb(lua_State *L)
{
  lua_settop(L, 4);
  push_checked_part(L);
  mime_set_stream(L, 5, 2);
  lua_settop(L, 1);
  return 1;
}

/*** The file name that is sent.
@param name? string|false: none; nil: that of the file
@return self
@see curl_mime_filename(3) */
static int part_filename(lua_State *L)
{
  return set_by_method(L, mime_set_filename);
}

/*** The content type.
@param type? string; nil: as libcurl decides
@return self
@see curl_mime_type(3) */
static int part_type(lua_State *L)
{
  return set_by_method(L, mime_set_type);
}

/*** The transfer encoding.
@param name? string: "binary" "8bit" "7bit" "base64" "quoted-printable"; nil:
none
@return self
@see curl_mime_encoder(3) */
static int part_encoder(lua_State *L)
{
  return set_by_method(L, mime_set_encoder);
}

/*** Headers of its own.
@param list? list of strings such as "X-Name: value"; nil: none
@return self
@see curl_mime_headers(3) */
static int part_headers(lua_State *L)
{
  return set_by_method(L, mime_set_headers);
}

/*** The content: parts. The mime belongs to this part from now on: no easy and
no other part can have it.
@param mime? core.Mime|table: a mime, or a list of parts as for core.mime; nil:
none
@return self
@raise when it is part of another mime, or would be of itself
@see curl_mime_subparts(3) */
static int part_subparts(lua_State *L)
{
  return set_by_method(L, mime_set_subparts);
}

static int part_tostring(lua_State *L)
{
  lua_pushfstring(L, "multisock.mimepart %p",
                  compat_checkudata(L, 1, mime_part_type));
  return 1;
}

const luaL_Reg mime_part_methods[] = {
  { "name", part_name },         { "data", part_data },
  { "filedata", part_filedata }, { "data_cb", part_data_cb },
  { "filename", part_filename }, { "type", part_type },
  { "encoder", part_encoder },   { "headers", part_headers },
  { "subparts", part_subparts }, { NULL, NULL },
};

const luaL_Reg mime_part_metamethods[] = {
  { "__tostring", part_tostring },
  { NULL, NULL },
};
