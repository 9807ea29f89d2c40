# ggml::ggml-base from the engine's cached source, if an earlier configure with the engine left one there; fetches
# nothing. Compiled with the sanitizers of this build, but UBSan: what ggml computes with hostile shapes is its own affair.
include(engine_cache)
set(ggml_source ${engine_cache}/source/ggml)
if(NOT EXISTS ${engine_cache}/source/.coe-complete)
  message(NOTICE "fuzz: no gguf_differential_fuzz without the engine's source; configure once with the engine "
                 "(cmake --preset release) to get it")
  return()
endif()

set(GGML_VERSION "")  # nobody asks
set(GGML_COMMIT "")
configure_file(${ggml_source}/src/ggml-version.h.in ggml/ggml-version.h @ONLY)
set(ggml_files ggml.c ggml.cpp ggml-alloc.c ggml-backend.cpp ggml-backend-meta.cpp
               ggml-quants.c ggml-threading.cpp gguf.cpp)
list(TRANSFORM ggml_files PREPEND ${ggml_source}/src/)
add_library(coe_ggml_base STATIC EXCLUDE_FROM_ALL ${ggml_files})
add_library(ggml::ggml-base ALIAS coe_ggml_base)
target_include_directories(coe_ggml_base SYSTEM PUBLIC ${ggml_source}/include PRIVATE ${ggml_source}/src
                           ${CMAKE_CURRENT_BINARY_DIR}/ggml)
target_compile_options(coe_ggml_base PRIVATE -w)
target_compile_definitions(coe_ggml_base PRIVATE _GNU_SOURCE)
target_link_libraries(coe_ggml_base PUBLIC Threads::Threads ${CMAKE_DL_LIBS})
if(COE_SANITIZE)
  string(REPLACE "undefined" "" ggml_sanitize "${COE_SANITIZE}")
  string(REGEX REPLACE ",+" "," ggml_sanitize "${ggml_sanitize}")
  string(REGEX REPLACE "^,|,$" "" ggml_sanitize "${ggml_sanitize}")
  if(ggml_sanitize)
    target_compile_options(coe_ggml_base PRIVATE -fsanitize=${ggml_sanitize})
  endif()
endif()
