# `cmake --install`, and with the prefix /usr (the preset `package`) also `cpack`, which makes a Debian package. The manual
# page and the completions are what the finished program prints.
include(GNUInstallDirs)

set(pages ${CMAKE_BINARY_DIR}/pages)
set(printed)
function(oxp_print name)
	add_custom_command(OUTPUT ${pages}/${name} COMMAND ${CMAKE_COMMAND} -E make_directory ${pages}
		COMMAND oxpecker ${ARGN} > ${pages}/${name} DEPENDS oxpecker VERBATIM)
	set(printed ${printed} ${pages}/${name} PARENT_SCOPE)
endfunction()
oxp_print(oxpecker.1 reference --man)
oxp_print(oxpecker completion bash)
oxp_print(_oxpecker completion zsh)
oxp_print(oxpecker.fish completion fish)
add_custom_target(pages ALL DEPENDS ${printed})

# The unit has the path of the program, which `cmake --install --prefix` may change.
install(CODE "set(CMAKE_INSTALL_FULL_BINDIR \"\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_BINDIR}\")
	configure_file(\"${CMAKE_SOURCE_DIR}/conf/systemd/oxpecker.service.in\" \"${CMAKE_BINARY_DIR}/oxpecker.service\" @ONLY)")

set(zsh_folder zsh/site-functions)
if(CMAKE_INSTALL_PREFIX STREQUAL "/usr")
	set(zsh_folder zsh/vendor-completions)
endif()
install(TARGETS oxpecker RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(FILES ${pages}/oxpecker.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
install(FILES ${pages}/oxpecker DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
install(FILES ${pages}/_oxpecker DESTINATION ${CMAKE_INSTALL_DATADIR}/${zsh_folder})
install(FILES ${pages}/oxpecker.fish DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d)
install(FILES ${CMAKE_BINARY_DIR}/oxpecker.service DESTINATION lib/systemd/system)
install(FILES conf/oxpecker.yaml CHANGELOG.md DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR} RENAME copyright)

if(NOT CMAKE_INSTALL_PREFIX STREQUAL "/usr")
	return()
endif()
install(FILES conf/debian/oxpecker.yaml DESTINATION /etc/oxpecker)

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME oxpecker)
set(CPACK_PACKAGE_VENDOR oxpecker)
set(CPACK_PACKAGE_CONTACT "oxpecker maintainers <maintainers@oxpecker.invalid>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "observability sidecar beside one application")
string(CONCAT CPACK_PACKAGE_DESCRIPTION "It ships the app's logs to Elasticsearch or OpenSearch, forwards its spans to\n"
	"Jaeger, serves its metrics to Prometheus and answers probes. What has no backend\ngoes to an embedded store.")
set(CPACK_DEBIAN_PACKAGE_DESCRIPTION "${CPACK_PACKAGE_DESCRIPTION}")
set(CPACK_DEBIAN_PACKAGE_SECTION admin)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_SET_DESTDIR ON)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
# What dpkg-shlibdeps cannot see: it is loaded when remote write is configured, proto/snappy.c.
set(CPACK_DEBIAN_PACKAGE_DEPENDS "ca-certificates, libsnappy1v5 (>= 1.1.9)")
# What only a check needs: agent/health/postgres.c, mysql.c. What `rediss` loads, libcurl is linked with.
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "libpq5, libmariadb3")
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA ${CMAKE_SOURCE_DIR}/conf/debian/conffiles ${CMAKE_SOURCE_DIR}/conf/debian/postinst
	${CMAKE_SOURCE_DIR}/conf/debian/prerm ${CMAKE_SOURCE_DIR}/conf/debian/postrm)
include(CPack)
