/* Trampolines of FTP's wildcard downloads: which names match, and what comes
   before and after each file. */
#include "callbacks_private.h"

#include "fields.h"
#include "options.h"

/* ---- Names ---- */

typedef struct Match {
  const char *pattern, *name;
  int result;
} Match;

static int fnmatch_body(lua_State *L)
{
  Match *call = lua_touserdata(L, 1);
  lua_pushstring(L, call->pattern);
  lua_pushstring(L, call->name);
  lua_call(L, 2, 1);
  if (!lua_isnil(L, -1) && !lua_isboolean(L, -1))
    callbacks_refuse(L, "fnmatch_function", "nil or boolean");
  call->result =
      lua_toboolean(L, -1) ? CURL_FNMATCHFUNC_MATCH : CURL_FNMATCHFUNC_NOMATCH;
  return 0;
}

static int on_fnmatch(void *data, const char *pattern, const char *name)
{
  Match call = { pattern, name, CURL_FNMATCHFUNC_FAIL };
  return callbacks_run(data, CURLOPT_FNMATCH_FUNCTION, fnmatch_body, &call)
             ? call.result
             : CURL_FNMATCHFUNC_FAIL;
}

/* ---- Files ---- */

static const char *file_type(curlfiletype type)
{
  static const char *const names[] = { "file", "directory", "symlink", "block",
                                       "char", "pipe",      "socket",  "door" };
  return type < sizeof names / sizeof *names ? names[type] : "unknown";
}

/* What the listing did not tell is nil. The texts are the listing's own.
   libcurl 7.88 gives the size of what is no file as well. */
static void push_file(lua_State *L, const struct curl_fileinfo *file)
{
  lua_createtable(L, 0, 12);
  field_string(L, "filename", file->filename);
  field_string(L, "filetype", file_type(file->filetype));
  if (file->flags & CURLFINFOFLAG_KNOWN_SIZE)
    field_integer(L, "size", file->size);
  if (file->flags & CURLFINFOFLAG_KNOWN_PERM)
    field_integer(L, "perm", (lua_Integer)file->perm);
  if (file->flags & CURLFINFOFLAG_KNOWN_HLINKCOUNT)
    field_integer(L, "hardlinks", file->hardlinks);
  field_string(L, "time", file->strings.time);
  field_string(L, "permissions", file->strings.perm);
  field_string(L, "user", file->strings.user);
  field_string(L, "group", file->strings.group);
  field_string(L, "target", file->strings.target);
}

typedef struct Chunk {
  const struct curl_fileinfo *file;
  int left;
  int result;
} Chunk;

static int chunk_bgn_body(lua_State *L)
{
  Chunk *call = lua_touserdata(L, 1);
  push_file(L, call->file);
  lua_pushinteger(L, call->left);
  lua_call(L, 2, 1);
  call->result =
      callbacks_code(L, "chunk_bgn_function", CURL_CHUNK_BGN_FUNC_FAIL);
  return 0;
}

static long on_chunk_bgn(const void *file, void *data, int left)
{
  Chunk call = { file, left, CURL_CHUNK_BGN_FUNC_FAIL };
  return callbacks_run(data, CURLOPT_CHUNK_BGN_FUNCTION, chunk_bgn_body, &call)
             ? call.result
             : CURL_CHUNK_BGN_FUNC_FAIL;
}

static int chunk_end_body(lua_State *L)
{
  int *result = lua_touserdata(L, 1);
  lua_call(L, 0, 1);
  *result = callbacks_code(L, "chunk_end_function", CURL_CHUNK_END_FUNC_FAIL);
  return 0;
}

static long on_chunk_end(void *data)
{
  int result;
  return callbacks_run(data, CURLOPT_CHUNK_END_FUNCTION, chunk_end_body,
                       &result)
             ? result
             : CURL_CHUNK_END_FUNC_FAIL;
}

/* After a wildcard transfer libcurl has forgotten the data of the chunk
   functions, and after one that failed in its listing the write function. */
void callbacks_renew_wildcard(lua_State *L, Easy *easy, int self)
{
  compat_getuservalue(L, self);
  (void)curl_easy_setopt(easy->handle, CURLOPT_CHUNK_DATA, easy);
  options_renew_file(easy);
  if (lua_rawgeti(L, -1, CURLOPT_WRITEFUNCTION) == LUA_TFUNCTION)
    (void)callbacks_set(L, easy, self, CURLOPT_WRITEFUNCTION, "WRITEFUNCTION",
                        lua_gettop(L));
  lua_pop(L, 2);
}

const CallbackRow callbacks_ftp_rows[] = {
  { CURLOPT_FNMATCH_FUNCTION, CURLOPT_FNMATCH_DATA, (AnyFunction)on_fnmatch },
  { CURLOPT_CHUNK_BGN_FUNCTION, CURLOPT_CHUNK_DATA, (AnyFunction)on_chunk_bgn },
  { CURLOPT_CHUNK_END_FUNCTION, CURLOPT_CHUNK_DATA, (AnyFunction)on_chunk_end },
  { 0, 0, NULL },
};
