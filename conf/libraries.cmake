# The libraries that the program is built with: the name of pkg-config, the oldest version that it is tested with (Debian
# 12's), and Debian's package. What is missing or older is told at once, all of it.
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)

set(libraries
	"libevent_core 2.1.12 libevent-dev"
	"libmicrohttpd 0.9.75 libmicrohttpd-dev"
	"gnutls 3.7.9 libgnutls28-dev"
	"libcurl 7.88.1 libcurl4-openssl-dev"
	"libnghttp2 1.52.0 libnghttp2-dev"
	"sqlite3 3.40.1 libsqlite3-dev"
	"libfyaml 0.7.12 libfyaml-dev"
	"jansson 2.14 libjansson-dev"
	"libxxhash 0.8.1 libxxhash-dev"
	"libprotobuf-c 1.4.1 libprotobuf-c-dev"
	"zlib 1.2.13 zlib1g-dev"
	"libzstd 1.5.4 libzstd-dev"
	"libpcre2-8 10.42 libpcre2-dev"
	"nettle 3.8.1 nettle-dev"
	"snappy 1.1.9 libsnappy-dev"
	"libpq 15.0 libpq-dev"
	"libmariadb 3.3.0 libmariadb-dev"
	"openssl 3.0.0 libssl-dev")
if(OXP_IGZIP)
	list(APPEND libraries "libisal 2.30.0 libisal-dev")
endif()

set(wrong)
foreach(row ${libraries})
	string(REPLACE " " ";" row "${row}")
	list(GET row 0 name)
	list(GET row 1 oldest)
	list(GET row 2 package)
	pkg_check_modules(${name} QUIET IMPORTED_TARGET ${name}>=${oldest})
	if(${name}_FOUND)
		continue()
	endif()
	execute_process(COMMAND ${PKG_CONFIG_EXECUTABLE} --modversion ${name} OUTPUT_VARIABLE found ERROR_QUIET
		OUTPUT_STRIP_TRAILING_WHITESPACE RESULT_VARIABLE failed)
	if(failed)
		list(APPEND wrong "${name} is missing: ${oldest} or newer is needed (Debian: ${package})")
	else()
		list(APPEND wrong "${name} ${found} is too old: ${oldest} or newer is needed (Debian: ${package})")
	endif()
endforeach()
find_program(PROTOC_C protoc-c)
if(NOT PROTOC_C)
	list(APPEND wrong "protoc-c is missing (Debian: protobuf-c-compiler)")
endif()
if(wrong)
	list(JOIN wrong "\n  " wrong)
	message(FATAL_ERROR "What the build needs is not there:\n  ${wrong}\nOn Debian, `sh conf/packages.sh build` installs it.")
endif()
