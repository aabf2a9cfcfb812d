FROM python:3.12-slim

RUN useradd --create-home --uid 1000 studio
USER studio
WORKDIR /home/studio/app
ENV PATH=/home/studio/.local/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    GRADIO_SERVER_NAME=0.0.0.0 \
    GRADIO_SERVER_PORT=7860

COPY --chown=studio requirements.txt .
RUN pip install --no-cache-dir "$(grep '^torch==' requirements.txt)" \
    && pip install --no-cache-dir -r requirements.txt

COPY --chown=studio . .
EXPOSE 7860
CMD ["python", "-m", "app"]
