/* Error objects: what fails outside the program is returned as nil, err. */
#pragma once

#include "compat.h"

/* Pushes an error object of kind "curl" for the other families of codes. */
void error_push_multi(lua_State *L, CURLMcode code);
void error_push_share(lua_State *L, CURLSHcode code);
void error_push_url(lua_State *L, CURLUcode code);

/* Pushes an error object of this kind; message as of lua_pushfstring. */
void error_push_kind(lua_State *L, const char *kind, const char *message);

/* Returns nil and what is on top, an error: the end of a function that failed. */
int error_return(lua_State *L);

/* For a message handler, with the error value at index 1: keeps the traceback
   on top (popped) for error_push_traceback, and in the value itself when it
   is an error object. */
void error_keep_traceback(lua_State *L);

/* Pushes the traceback that was kept last, or nil, and forgets it. */
void error_push_traceback(lua_State *L);
/* Pushes the error of what only a newer libcurl has; version is 0xMMmmpp. */
void error_push_needs(lua_State *L, const char *what, unsigned int version);

/* core.error(fields): gives the table the metatable of error objects. */
int error_new(lua_State *L);

/* Creates the metatable. */
void error_open(lua_State *L);
