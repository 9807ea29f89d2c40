# The engine: llama.cpp v0.5.0, pinned, checked by hash, built once into a cache outside the checkout and linked
# statically (docs/architecture.md, "The engine"). Defines the imported targets `llama`, `ggml::*`, and two of
# libraries that llama.cpp does not install: `llama_common`, its chat templates, and `llama_server`, its HTTP server.
#
# Where the source comes from, in this order:
#   1. COE_LLAMA_DIR, a source tree given by the user (not checked: it is their own);
#   2. the cached copy;
#   3. the npm package node-llama-cpp, whose gitRelease.bundle is a git bundle of the release's tree;
#   4. the upstream repository at the release's tag.
# 3 and 4 must give the git tree below, or configuring stops.

set(COE_LLAMA_DIR "" CACHE PATH "A llama.cpp source tree to build instead of the pinned release")
set(COE_LLAMA_TREE fd570ef54b10ec5fecb739e7e04c8ce44a6f415a)
set(COE_LLAMA_NPM node-llama-cpp@3.22.1)
set(COE_LLAMA_NPM_SHA512 6e5b488a9b9699cd76dc7eed30880318a4ac4ab866865418795502e3c5d38d55bb5c624988927209d95333343f2e25a83e4183a5c2f816f883a60c3ba9f4e20f)

include(engine_cache)
file(MAKE_DIRECTORY ${engine_cache})
file(LOCK ${engine_cache} DIRECTORY)  # two configures at once: the second waits and finds the work done

# --- source ---------------------------------------------------------------------------------------------

function(coe_engine_run what)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(NOT result EQUAL 0)
    message(FATAL_ERROR "engine: cannot ${what} (${result}):\n${output}")
  endif()
endfunction()

function(coe_check_tree dir)
  execute_process(COMMAND git -C ${dir} rev-parse HEAD^{tree} OUTPUT_VARIABLE tree
                  OUTPUT_STRIP_TRAILING_WHITESPACE)
  if(NOT tree STREQUAL COE_LLAMA_TREE)
    file(REMOVE_RECURSE ${dir})
    message(FATAL_ERROR "engine: the source fetched is not llama.cpp ${COE_LLAMA_VERSION}: git tree ${tree}, "
                        "expected ${COE_LLAMA_TREE}. Give a source tree you trust with -DCOE_LLAMA_DIR=")
  endif()
endfunction()

if(COE_LLAMA_DIR)
  set(llama_source ${COE_LLAMA_DIR})
else()
  set(llama_source ${engine_cache}/source)
  if(NOT EXISTS ${llama_source}/.coe-complete)
    message(NOTICE "engine: fetching llama.cpp ${COE_LLAMA_VERSION} (35 MB, once)")
    set(fetch ${engine_cache}/fetch)
    file(REMOVE_RECURSE ${fetch} ${llama_source})
    file(MAKE_DIRECTORY ${fetch})
    find_program(NPM npm)
    set(npm_result 1)
    if(NPM)
      execute_process(COMMAND ${NPM} pack ${COE_LLAMA_NPM} --silent --pack-destination ${fetch}
                      RESULT_VARIABLE npm_result OUTPUT_VARIABLE packed ERROR_VARIABLE npm_error
                      OUTPUT_STRIP_TRAILING_WHITESPACE)
    endif()
    if(npm_result EQUAL 0)
      file(SHA512 ${fetch}/${packed} sha512)
      if(NOT sha512 STREQUAL COE_LLAMA_NPM_SHA512)
        message(FATAL_ERROR "engine: ${COE_LLAMA_NPM} has SHA-512 ${sha512}, not the pinned one")
      endif()
      file(ARCHIVE_EXTRACT INPUT ${fetch}/${packed} DESTINATION ${fetch}
           PATTERNS package/llama/gitRelease.bundle)
      coe_engine_run("unpack the git bundle" git -c advice.detachedHead=false clone -q
                     ${fetch}/package/llama/gitRelease.bundle ${llama_source})
    else()
      message(NOTICE "engine: npm did not deliver it (${npm_error}); trying the upstream repository")
      coe_engine_run("clone llama.cpp; is there a network? -DCOE_LLAMA_DIR= takes a source tree, -DCOE_ENGINE=OFF builds without"
                     git -c advice.detachedHead=false clone -q --depth 1
                     --branch ${COE_LLAMA_VERSION} https://github.com/ggml-org/llama.cpp ${llama_source})
    endif()
    coe_check_tree(${llama_source})
    file(REMOVE_RECURSE ${fetch})
    file(TOUCH ${llama_source}/.coe-complete)
  endif()
endif()

# --- build ----------------------------------------------------------------------------------------------

set(engine_options
    -DCMAKE_BUILD_TYPE=Release -DBUILD_SHARED_LIBS=OFF -DCMAKE_POSITION_INDEPENDENT_CODE=ON
    -DLLAMA_BUILD_COMMON=ON -DLLAMA_SUBPROCESS=OFF -DLLAMA_BUILD_TESTS=OFF -DLLAMA_BUILD_TOOLS=ON -DLLAMA_BUILD_EXAMPLES=OFF
    -DLLAMA_BUILD_SERVER=ON -DLLAMA_USE_PREBUILT_UI=OFF -DLLAMA_BUILD_APP=OFF -DLLAMA_TOOLS_INSTALL=OFF -DLLAMA_OPENSSL=OFF
    -DLLAMA_BUILD_IS_DEV=OFF)
if(NOT DEFINED GGML_RPC)
  set(GGML_RPC ON)  # costs nothing unless --rpc names servers
endif()
foreach(backend CUDA VULKAN METAL HIP BLAS RPC NATIVE)
  if(DEFINED GGML_${backend})
    list(APPEND engine_options -DGGML_${backend}=${GGML_${backend}})
  endif()
endforeach()
# Only the tensor-parallel split, which cannot be observed, has a use for it.
if(GGML_CUDA)
  list(APPEND engine_options -DGGML_CUDA_NCCL=OFF)
endif()
if(DEFINED CMAKE_CUDA_ARCHITECTURES)
  list(APPEND engine_options -DCMAKE_CUDA_ARCHITECTURES=${CMAKE_CUDA_ARCHITECTURES})
endif()

# No warnings of code that is not ours: of gcc 12 those about its own AVX-512 headers take 14,000 lines.
set(engine_flags "-w")
# llama.cpp v0.5.0 dies in `ldtilecfg` on processors with AMX: the compiler drops the tile configuration from the stack,
# and worker threads lack the permission (upstream issue 20824, pull request 26954). AVX-512 serves them meanwhile.
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  string(APPEND engine_flags " -mno-amx-tile -mno-amx-int8 -mno-amx-bf16")
endif()
list(APPEND engine_options "-DCMAKE_C_FLAGS=${engine_flags}" "-DCMAKE_CXX_FLAGS=${engine_flags}")

# The libraries use this processor's instructions, so its feature list is part of the key: a home folder shared by
# unlike machines gets one build for each.
set(cpu_features "")
if(EXISTS /proc/cpuinfo)
  file(STRINGS /proc/cpuinfo cpu_features REGEX "^(flags|Features)" LIMIT_COUNT 1)
endif()
set(engine_addition ${CMAKE_CURRENT_LIST_DIR}/llama_engine_server.cmake)
file(SHA256 ${engine_addition} addition_hash)
string(SHA256 engine_key
       "${llama_source};${engine_options};${addition_hash};${CMAKE_CXX_COMPILER_ID};${cpu_features};${CMAKE_SYSTEM_PROCESSOR}")
string(SUBSTRING ${engine_key} 0 16 engine_key)
set(engine_prefix ${engine_cache}/install-${engine_key})

if(NOT EXISTS ${engine_prefix}/.coe-complete)
  message(NOTICE "engine: building llama.cpp once into ${engine_prefix} (some minutes)")
  set(engine_build ${engine_cache}/build-${engine_key})
  set(engine_generator -G "Unix Makefiles")
  find_program(NINJA ninja)
  if(NINJA)
    set(engine_generator -G Ninja)
  endif()
  coe_engine_run("configure llama.cpp" ${CMAKE_COMMAND} -S ${llama_source} -B ${engine_build}
                 ${engine_generator} ${engine_options} -DCMAKE_PROJECT_llama.cpp_INCLUDE=${engine_addition}
                 -DCMAKE_INSTALL_PREFIX=${engine_prefix}
                 -DCMAKE_INSTALL_LIBDIR=lib)
  cmake_host_system_information(RESULT n_cores QUERY NUMBER_OF_LOGICAL_CORES)
  # Its output passes through: this is the long part. Of the tools only the server is wanted.
  execute_process(COMMAND ${CMAKE_COMMAND} --build ${engine_build} --parallel ${n_cores}
                          --target llama-server ggml llama llama-common mtmd
                  RESULT_VARIABLE result)
  if(NOT result EQUAL 0)
    message(FATAL_ERROR "engine: llama.cpp did not build; its output is above")
  endif()
  coe_engine_run("install llama.cpp" ${CMAKE_COMMAND} --install ${engine_build})
  file(COPY ${engine_build}/common/libllama-common-base.a ${engine_build}/vendor/cpp-httplib/libcpp-httplib.a
            ${engine_build}/tools/server/libllama-server-impl.a ${engine_build}/tools/server/libserver-context.a
            ${engine_build}/tools/ui/libllama-ui.a ${engine_build}/vendor/hash/libvendor-hash.a
       DESTINATION ${engine_prefix}/lib)
  file(COPY ${llama_source}/common/ DESTINATION ${engine_prefix}/include/llama-common
       FILES_MATCHING PATTERN *.h PATTERN parsers EXCLUDE)
  file(REMOVE_RECURSE ${engine_build})
  file(TOUCH ${engine_prefix}/.coe-complete)
endif()
# llama.cpp's own programs ask the libraries by this header what memory they take; it is not installed.
file(COPY ${llama_source}/src/llama-ext.h DESTINATION ${engine_prefix}/include)
file(LOCK ${engine_cache} DIRECTORY RELEASE)

# Another build of the engine may have been found before.
foreach(found llama_DIR ggml_DIR llama_LIBRARY)
  unset(${found} CACHE)
endforeach()
find_package(llama REQUIRED CONFIG PATHS ${engine_prefix} NO_DEFAULT_PATH)
# Nor does it name the library that the RPC backend takes for RDMA where it finds it.
if(TARGET ggml::ggml-rpc)
  find_library(COE_IBVERBS ibverbs)
  if(COE_IBVERBS)
    target_link_libraries(ggml::ggml-rpc INTERFACE ${COE_IBVERBS})
  endif()
endif()
# The package of a static build with CUDA names the driver only.
if(TARGET ggml::ggml-cuda)
  find_package(CUDAToolkit REQUIRED)
  target_link_libraries(ggml::ggml-cuda INTERFACE CUDA::cudart_static CUDA::cublas CUDA::cublasLt CUDA::cuda_driver)
endif()

# An archive of llama.cpp's, and what it needs.
function(coe_engine_archive name)
  add_library(engine_${name} STATIC IMPORTED)
  set_target_properties(engine_${name} PROPERTIES IMPORTED_LOCATION ${engine_prefix}/lib/lib${name}.a
                        INTERFACE_LINK_LIBRARIES "${ARGN}")
endfunction()
coe_engine_archive(cpp-httplib Threads::Threads)
coe_engine_archive(llama-common-base llama)
coe_engine_archive(llama-common engine_llama-common-base engine_cpp-httplib llama)
coe_engine_archive(vendor-hash)
coe_engine_archive(mtmd engine_vendor-hash llama)
coe_engine_archive(llama-ui)
coe_engine_archive(server-context engine_llama-common engine_mtmd)
coe_engine_archive(llama-server-impl engine_server-context engine_llama-ui engine_cpp-httplib)

add_library(llama_common INTERFACE)
target_include_directories(llama_common SYSTEM INTERFACE ${engine_prefix}/include/llama-common)
target_link_libraries(llama_common INTERFACE engine_llama-common)
add_library(llama_server INTERFACE)
target_link_libraries(llama_server INTERFACE engine_llama-server-impl)
