// SPDX-License-Identifier: Apache-2.0

import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse.BodyHandlers;
import javax.net.ssl.HttpsURLConnection;

/** Java's own clients, the old and the new: java Client.java URL. */
public final class Client {
    public static void main(String[] words) throws Exception {
        String url = words[0];
        HttpsURLConnection old = (HttpsURLConnection) URI.create(url + "/v1/files").toURL().openConnection();
        String files = new String(old.getInputStream().readAllBytes());
        System.out.println(files.contains("notes.md") ? "notes.md" : files);
        HttpRequest post =
                HttpRequest.newBuilder(URI.create(url + "/v1/results"))
                        .POST(BodyPublishers.ofString("x".repeat(100000)))
                        .build();
        System.out.println(HttpClient.newHttpClient().send(post, BodyHandlers.ofString()).statusCode());
    }
}
