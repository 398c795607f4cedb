# The web page and the HTTP API. The first start fetches the poems and builds the index into /data (some minutes).
#   docker build -t image2poem . && docker run -p 127.0.0.1:8000:8000 -v image2poem:/data image2poem
FROM python:3.13-slim AS build
ARG EXTRAS=web
WORKDIR /src
COPY requirements-web.lock ./
RUN python -m venv /opt/image2poem && /opt/image2poem/bin/pip install --no-cache-dir --requirement requirements-web.lock
COPY pyproject.toml README.md LICENSE ./
COPY src src
RUN /opt/image2poem/bin/pip install --no-cache-dir --no-build-isolation ".[$EXTRAS]"

FROM python:3.13-slim
RUN useradd --uid 1000 --create-home poet && install -d -o poet -g poet /data
COPY --from=build /opt/image2poem /opt/image2poem
ENV PATH=/opt/image2poem/bin:$PATH IMAGE2POEM_HOME=/data PYTHONUNBUFFERED=1
USER poet
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=5s --start-period=20m \
  CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/readyz', timeout=4)"]
CMD ["sh", "-c", "image2poem setup && exec image2poem serve --host 0.0.0.0"]
