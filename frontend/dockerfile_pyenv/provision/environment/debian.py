"""Debian packages that have shared libraries: the names of Debian 12, which Debian 13 and Ubuntu know, too, mostly."""

from __future__ import annotations

import re
from typing import Dict

_TABLE = """
libGL.so.1 libgl1
libEGL.so.1 libegl1
libICE.so.6 libice6
libSM.so.6 libsm6
libX11.so.6 libx11-6
libXext.so.6 libxext6
libXrender.so.1 libxrender1
libasound.so.2 libasound2
libatk-1.0.so.0 libatk1.0-0
libblas.so.3 libblas3
libbz2.so.1.0 libbz2-1.0
libcairo.so.2 libcairo2
libcgraph.so.6 libcgraph6
libcrypt.so.1 libcrypt1
libcrypto.so.1.1 libssl1.1
libcrypto.so.3 libssl3
libcurl-gnutls.so.4 libcurl3-gnutls
libcurl.so.4 libcurl4
libdbus-1.so.3 libdbus-1-3
libenchant-2.so.2 libenchant-2-2
libevent-2.1.so.7 libevent-2.1-7
libexpat.so.1 libexpat1
libexslt.so.0 libxslt1.1
libfbclient.so.2 libfbclient2
libffi.so.7 libffi7
libffi.so.8 libffi8
libfontconfig.so.1 libfontconfig1
libfreetype.so.6 libfreetype6
libgcc_s.so.1 libgcc-s1
libgdal.so.32 libgdal32
libgdk_pixbuf-2.0.so.0 libgdk-pixbuf-2.0-0
libgeos_c.so.1 libgeos-c1v5
libgfortran.so.5 libgfortran5
libgio-2.0.so.0 libglib2.0-0
libglib-2.0.so.0 libglib2.0-0
libgmp.so.10 libgmp10
libgobject-2.0.so.0 libglib2.0-0
libgomp.so.1 libgomp1
libgssapi_krb5.so.2 libgssapi-krb5-2
libgthread-2.0.so.0 libglib2.0-0
libgtk-3.so.0 libgtk-3-0
libharfbuzz.so.0 libharfbuzz0b
libhdf5_serial.so.103 libhdf5-103-1
libjpeg.so.62 libjpeg62-turbo
libkrb5.so.3 libkrb5-3
liblapack.so.3 liblapack3
liblber-2.5.so.0 libldap-2.5-0
libldap-2.5.so.0 libldap-2.5-0
libldap.so.2 libldap2
liblz4.so.1 liblz4-1
liblzma.so.5 liblzma5
libmagic.so.1 libmagic1
libmariadb.so.3 libmariadb3
libmpc.so.3 libmpc3
libmpfr.so.6 libmpfr6
libncursesw.so.6 libncursesw6
libnetcdf.so.19 libnetcdf19
libnss3.so libnss3
libodbc.so.2 unixodbc
libodbcinst.so.2 unixodbc
libopenblas.so.0 libopenblas0
libopenjp2.so.7 libopenjp2-7
libpango-1.0.so.0 libpango-1.0-0
libpangocairo-1.0.so.0 libpangocairo-1.0-0
libpangoft2-1.0.so.0 libpangoft2-1.0-0
libpcre.so.3 libpcre3
libpcre2-8.so.0 libpcre2-8-0
libpng16.so.16 libpng16-16
libportaudio.so.2 libportaudio2
libpq.so.5 libpq5
libproj.so.25 libproj25
libquadmath.so.0 libquadmath0
librdkafka.so.1 librdkafka1
libreadline.so.8 libreadline8
libsasl2.so.2 libsasl2-2
libsnappy.so.1 libsnappy1v5
libsndfile.so.1 libsndfile1
libsodium.so.23 libsodium23
libsqlite3.so.0 libsqlite3-0
libssl.so.1.1 libssl1.1
libssl.so.3 libssl3
libstdc++.so.6 libstdc++6
libsybdb.so.5 libsybdb5
libsystemd.so.0 libsystemd0
libtiff.so.6 libtiff6
libtinfo.so.6 libtinfo6
libusb-1.0.so.0 libusb-1.0-0
libuuid.so.1 libuuid1
libwebp.so.7 libwebp7
libxcb.so.1 libxcb1
libxkbcommon.so.0 libxkbcommon0
libxml2.so.2 libxml2
libxmlsec1-openssl.so.1 libxmlsec1-openssl
libxmlsec1.so.1 libxmlsec1
libxslt.so.1 libxslt1.1
libyaml-0.so.2 libyaml-0-2
libz.so.1 zlib1g
libzbar.so.0 libzbar0
libzmq.so.5 libzmq5
libzstd.so.1 libzstd1
"""
PACKAGES: Dict[str, str] = dict(line.split() for line in _TABLE.strip().splitlines())

_STEM = re.compile(r"(?:lib)?(.+?)(?:-0|\.so[.\d]*)?")


def package(library: str) -> str:
    """Return the package that has a library, named as `libpq.so.5` or as programs look for it; "" if unknown."""
    if library in PACKAGES:
        return PACKAGES[library]
    wanted = _stem(library)
    return next((found for name, found in PACKAGES.items() if _stem(name) == wanted), "")


def advice(libraries: Dict[str, str]) -> str:
    """Say what to install for libraries, by name and package, which is "" if unknown."""
    known = sorted({one for one in libraries.values() if one})
    if not known:
        return "install what has it in this stage"
    names = " and ".join([", ".join(known[:-1]), known[-1]] if known[1:] else known)
    return f"install {names} (on Debian and Ubuntu) in this stage"


def _stem(library: str) -> str:
    match = _STEM.fullmatch(library)
    return match[1] if match else library
