/* What the files that give a multi its methods share: multi_methods.c,
   multi_lua.c, multi_options.c, multi_poll.c and multi_push.c. */
#pragma once

#include "multi.h"

/* Returns nil and the error of this code. */
int multi_fail(lua_State *L, CURLMcode code);

/* At the end of a method whose multi is at stack index 1: raises what a
   callback has raised. */
void multi_check_callbacks(lua_State *L, Multi *multi);

/* Pushes the table of values and the callback of this name; NULL, with
   nothing pushed, when there is none. */
lua_State *multi_callback_begin(Multi *multi, const char *name);

/* Calls what was pushed and pops all of it. An error is kept. */
void multi_callback_call(lua_State *L, Multi *multi, int arguments);

/* Keeps the error on top of the stack (popped) for the driving call. */
void multi_keep_error(lua_State *L, Multi *multi);

/* Pushes the easy that libcurl means; nil: one of its own. */
void multi_push_easy(lua_State *L, CURL *handle);

/* Sets the option (nil: its default); raises on misuse, else returns true or
   pushes an error object and returns false. */
bool multi_option_set(lua_State *L, Multi *multi, int name, int value);

/* Callbacks for libcurl; data is the Multi. */
int multi_on_socket(CURL *handle, curl_socket_t fd, int what, void *data,
                    void *assigned);
int multi_on_timer(CURLM *handle, long ms, void *data);
void multi_on_notify(CURLM *handle, unsigned int kind, CURL *easy, void *data);
int multi_on_push(CURL *parent, CURL *handle, size_t count,
                  struct curl_pushheaders *headers, void *data);

extern const luaL_Reg multi_member_methods[]; /* multi_methods.c */
extern const luaL_Reg multi_option_methods[]; /* multi_options.c */
extern const luaL_Reg multi_poll_methods[];   /* multi_poll.c */
