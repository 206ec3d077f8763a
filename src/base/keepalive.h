/* How soon a connection is given up whose other end has silently gone. */
#pragma once

#include <curl/curl.h>

/* From CURLOPT_SOCKOPTFUNCTION: completes what the options of libcurl do that
   keepalive_set sets. Leaves alone a socket for which other times were set, or
   that is none of TCP. */
void keepalive_apply(curl_socket_t fd);

/* Sets these options. They can be set to something else afterwards. */
void keepalive_set(CURL *handle);
