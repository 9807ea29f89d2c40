# cmake --install: bin/coe finds share/coe/web from where it stands, so that the prefix can be moved. What
# `npm ci` adds to the toolchain is installed there by whoever runs the suite (docs/web-suite.md).
include(GNUInstallDirs)
set(CMAKE_SKIP_INSTALL_ALL_DEPENDENCY ON)  # tests are not installed, and need not be built for it

set(manual ${CMAKE_BINARY_DIR}/manual)  # made with the binary, in src/coe; a build with MPI has none
install(DIRECTORY ${manual}/man/ DESTINATION ${CMAKE_INSTALL_MANDIR}/man1 OPTIONAL)
install(FILES ${manual}/completions/coe.bash DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions RENAME coe OPTIONAL)
install(FILES ${manual}/completions/_coe DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/vendor-completions OPTIONAL)
install(FILES ${manual}/completions/coe.fish DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d OPTIONAL)

install(TARGETS coe RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(FILES web/page.js DESTINATION share/coe/web)
install(DIRECTORY web/tasks DESTINATION share/coe/web)
install(FILES web/toolchain/build.mjs web/toolchain/package.json web/toolchain/package-lock.json
        DESTINATION share/coe/web/toolchain)
install(DIRECTORY examples schemas DESTINATION share/coe)
install(FILES LICENSE README.md CHANGELOG.md DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(DIRECTORY docs/ DESTINATION ${CMAKE_INSTALL_DOCDIR}/docs)

# scripts/release.sh makes these packages.
set(CPACK_PACKAGE_NAME coe)
set(CPACK_PACKAGE_VENDOR "The coe developers")
set(CPACK_PACKAGE_CONTACT "The coe developers")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "carves specialists out of Mixture-of-Experts language models")
set(CPACK_PACKAGE_DESCRIPTION "It records which experts a model uses on text of a domain, keeps these, and writes a smaller GGUF that llama.cpp, Ollama and LM Studio load, without training.")
set(CPACK_RESOURCE_FILE_LICENSE ${CMAKE_SOURCE_DIR}/LICENSE)
set(CPACK_STRIP_FILES ON)
set(CPACK_GENERATOR DEB TGZ)
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION science)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "nodejs, npm, chromium-headless-shell, bubblewrap")  # for coe bench web
set(CPACK_PACKAGE_FILE_NAME coe-${PROJECT_VERSION}-${CMAKE_SYSTEM_NAME}-${CMAKE_SYSTEM_PROCESSOR})
include(CPack)
