/* See public_only.h. Inside libcurl's callbacks: no Lua. */
#include "public_only.h"

#include <sys/socket.h>

static bool allows(Receiver *receiver, const Address *address)
{
  if (address_objection(address) == NULL)
    return true;
  receiver->refused_address = *address;
  return false;
}

static curl_socket_t on_open(void *data, curlsocktype purpose,
                             struct curl_sockaddr *name)
{
  Easy *easy = data;
  Address address;
  address_of(&address, &name->addr);
  if (!allows(easy->receiver, &address))
    return CURL_SOCKET_BAD; /* libcurl tries the next one of the name */
  easy->receiver->reached_out = true;
  if (easy->driver != NULL)
    return uvdriver_open(easy->driver, purpose, name);
  return socket(name->family, name->socktype, name->protocol);
}

void public_only_begin(Easy *easy)
{
  /* Setting a callback and its data cannot fail. */
  (void)curl_easy_setopt(easy->handle, CURLOPT_OPENSOCKETFUNCTION, on_open);
  (void)curl_easy_setopt(easy->handle, CURLOPT_OPENSOCKETDATA, easy);
}

bool public_only_allows(Easy *easy, const char *peer)
{
  Address address;
  address_parse(&address, peer != NULL ? peer : "");
  easy->receiver->reached_out = false;
  return allows(easy->receiver, &address);
}
