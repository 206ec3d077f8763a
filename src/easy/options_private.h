/* What options.c and the files with the details of it share. Nobody else
   includes this. */
#pragma once

#include "options.h"

/* ---- options.c ---- */

/* A text that libcurl may send; raises on any other value. */
const char *options_check_text(lua_State *L, int idx, const char *name);

/* Keeps a Lua value for as long as the option points into it; release lets
   go of it. */
void options_anchor(lua_State *L, int self, CURLoption id, int value);
void options_release(lua_State *L, int self, CURLoption id);

/* ---- options_body.c ---- */

/* Bytes of the body that postfields has set; -1: there is none. */
lua_Integer options_body_size(lua_State *L, int self);

/* Raises when it has fewer than `size`. */
void options_check_body_size(lua_State *L, int self, const char *name,
                             lua_Integer size);

CURLcode options_set_postfields(lua_State *L, Easy *easy, int self,
                                const char *name, int value);
CURLcode options_unset_postfields(lua_State *L, Easy *easy, int self);

/* ---- options_number.c ---- */

CURLcode options_set_long(lua_State *L, Easy *easy, int self, CURLoption id,
                          const char *name, int value);
CURLcode options_set_off_t(lua_State *L, Easy *easy, int self, CURLoption id,
                           const char *name, int value);
CURLcode options_unset_long(lua_State *L, Easy *easy, int self, CURLoption id);
CURLcode options_unset_off_t(lua_State *L, Easy *easy, int self, CURLoption id);

/* ---- options_default.c ---- */

long options_long_default(CURLoption id);
const char *options_string_default(CURLoption id);

/* ---- options_held.c ---- */

CURLcode options_set_list(lua_State *L, Easy *easy, CURLoption id,
                          const char *name, int value);

/* An open file of Lua's or a path. With CURLE_FILE_COULDNT_READ_FILE the
   reason is in easy->message. */
CURLcode options_set_file(lua_State *L, Easy *easy, CURLoption id,
                          const char *name, int value);

bool options_holds(const Easy *easy, CURLoption id);

/* Frees what this option holds; libcurl must know of it no more. */
void options_drop(Easy *easy, CURLoption id);

/* ---- options_known.c ---- */

/* Why this option of libcurl's cannot be set; NULL when it can. */
const char *options_reason(int id);

/* The version that an option came with, as text; NULL when no libcurl known
   here has it. In upper or lower case. */
const char *options_since(const char *name);

/* ---- options_depend.c ---- */

CURLcode options_set_depends(lua_State *L, Easy *easy, int self, CURLoption id,
                             const char *name, int value);
CURLcode options_unset_depends(lua_State *L, Easy *easy, int self);
