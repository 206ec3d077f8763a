#!/bin/sh
# Makes the test certificates; servers.lua runs it once for all its servers.
#
#   certificates.sh DIR
#
# DIR gets ca.crt, which signed server.crt (localhost, 127.0.0.1) and wrong.crt
# (another host), unknown.crt (localhost, signed by a CA nobody is given), and client.crt
# for clients, whose key is in client.key, and in locked.key with the password "secret".
set -e
config=$(cd "$(dirname "$0")" && pwd)/openssl.cnf
cd "$1"

# make_ca NAME
make_ca() {
  openssl req -x509 -config "$config" -extensions ca -days 30 -nodes \
    -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 \
    -subj "/CN=multisock test $1" -keyout "$1.key" -out "$1.crt"
}

# make_leaf NAME CA EXTENSIONS
make_leaf() {
  openssl req -new -config "$config" -nodes \
    -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 \
    -subj "/CN=multisock test $1" -keyout "$1.key" -out "$1.csr"
  openssl x509 -req -days 30 -in "$1.csr" -CA "$2.crt" -CAkey "$2.key" \
    -CAcreateserial -extfile "$config" -extensions "$3" -out "$1.crt"
}

make_ca ca
make_ca unknown-ca
make_leaf server ca server
make_leaf wrong ca wrong
make_leaf client ca client
openssl pkey -in client.key -aes256 -passout pass:secret -out locked.key
# The last: who waits for all of them waits for this.
make_leaf unknown unknown-ca server
