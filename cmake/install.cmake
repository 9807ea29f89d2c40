# cmake --install: bin/coe finds share/coe/web from where it stands, so that the prefix can be moved. What
# `npm ci` adds to the toolchain is installed there by whoever runs the suite (docs/web-suite.md).
include(GNUInstallDirs)
install(TARGETS coe RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(FILES web/page.js DESTINATION share/coe/web)
install(DIRECTORY web/tasks DESTINATION share/coe/web)
install(FILES web/toolchain/build.mjs web/toolchain/package.json web/toolchain/package-lock.json
        DESTINATION share/coe/web/toolchain)
install(DIRECTORY examples schemas DESTINATION share/coe)
install(FILES LICENSE README.md CHANGELOG.md DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(DIRECTORY docs/ DESTINATION ${CMAKE_INSTALL_DOCDIR}/docs)
